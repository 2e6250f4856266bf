import { sampleRate } from '../recognition/recognizer.ts'
import { SpeechProblem } from './problem.ts'

/** 16-bit PCM as a WAV header describes it. */
export interface WavFormat {
  sampleRate: number
  channels: number
  /** Where the samples begin in the file. */
  dataStart: number
  /** Bytes of samples that the header promises; undefined when it was written before the end was known. */
  dataLength: number | undefined
}

const pcm = 1
const extensible = 0xfffe
/** Headers with longer lists than this are not read to their end. */
const longestHeader = 64 * 1024
const unsupported = (reason: string) => new SpeechProblem(415, 'UNSUPPORTED_AUDIO', `${reason} Send a WAV file with 16-bit PCM, 8 to 96 kHz, 1 or 2 channels.`)
const invalid = (reason: string) => new SpeechProblem(400, 'INVALID_WAV_HEADER', `${reason} Save the recording again as a 16-bit PCM WAV file.`)

/**
 * Reads a RIFF/WAVE header from the beginning of a file; undefined while more bytes are needed.
 * The numbers in it are anyone's: nothing is allocated or skipped on their word alone.
 */
export function readWavHeader(head: Buffer): WavFormat | undefined {
  if (head.length >= 4 && head.toString('latin1', 0, 4) !== 'RIFF') throw unsupported('This is not a WAV file.')
  if (head.length >= 12 && head.toString('latin1', 8, 12) !== 'WAVE') throw unsupported('This is a RIFF file, but not a WAV file.')
  let format: Omit<WavFormat, 'dataStart' | 'dataLength'> | undefined
  let at = 12
  while (at + 8 <= head.length) {
    const id = head.toString('latin1', at, at + 4)
    const length = head.readUInt32LE(at + 4)
    if (id === 'data') {
      if (!format) throw invalid('The header has no format before its samples.')
      return { ...format, dataStart: at + 8, dataLength: length === 0 || length >= 0xffff_ff00 ? undefined : length }
    }
    if (id === 'fmt ') {
      if (length < 16 || length > 1024) throw invalid(`The format in the header has ${length} bytes.`)
      if (head.length < at + 8 + length) return undefined
      format = readFormat(head.subarray(at + 8, at + 8 + length))
    }
    at += 8 + length + (length % 2)
    if (at > longestHeader) throw invalid('The header is longer than 64 kB.')
  }
  return undefined
}

function readFormat(chunk: Buffer) {
  const tag = chunk.readUInt16LE(0)
  const encoding = tag === extensible && chunk.length >= 26 ? chunk.readUInt16LE(24) : tag
  const [channels, rate, byteRate, align, bits] = [
    chunk.readUInt16LE(2),
    chunk.readUInt32LE(4),
    chunk.readUInt32LE(8),
    chunk.readUInt16LE(12),
    chunk.readUInt16LE(14),
  ]
  if (encoding !== pcm || bits !== 16) throw unsupported(`The samples are ${bits}-bit of encoding ${encoding}.`)
  if (channels < 1 || channels > 2) throw unsupported(`The file has ${channels} channels.`)
  if (rate < 8000 || rate > 96_000) throw unsupported(`The sample rate is ${rate} Hz.`)
  if (align !== channels * 2 || byteRate !== rate * align) throw invalid('The sizes in the header contradict each other.')
  return { sampleRate: rate, channels }
}

/** Little-endian 16-bit samples as one channel, -1 to 1; two channels are averaged. */
export function toMono(samples: Buffer, channels: number): Float32Array {
  const frames = Math.floor(samples.length / (2 * channels))
  const mono = new Float32Array(frames)
  for (let frame = 0; frame < frames; frame++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++) sum += samples.readInt16LE((frame * channels + channel) * 2)
    mono[frame] = sum / (channels * 32768)
  }
  return mono
}

/** Zero crossings of the sinc on each side of its centre: more make a steeper filter. */
const crossings = 16

/**
 * Converts to 16 kHz by windowed-sinc interpolation (Julius O. Smith, "Digital Audio Resampling"):
 * band-limited to the lower of both rates, so that nothing folds back into the speech.
 */
export function resample(input: Float32Array, rate: number): Float32Array {
  if (rate === sampleRate) return input
  const cutoff = Math.min(1, sampleRate / rate) * 0.95
  const reach = crossings / cutoff
  const divisor = greatestCommonDivisor(rate, sampleRate)
  const phases = sampleRate / divisor
  const kernels = Array.from({ length: phases }, (_, phase) => createKernel((phase * rate) / sampleRate, cutoff, reach))
  const output = new Float32Array(Math.floor((input.length * sampleRate) / rate))
  for (let n = 0; n < output.length; n++) {
    const { weights, first } = kernels[n % phases] as Kernel
    const from = Math.floor(n / phases) * (rate / divisor) + first
    let sum = 0
    for (let k = Math.max(0, -from); k < weights.length && from + k < input.length; k++) sum += (weights[k] as number) * (input[from + k] as number)
    output[n] = sum
  }
  return output
}

interface Kernel {
  weights: Float64Array
  /** The first sample that it weighs, counted from the beginning of its cycle. */
  first: number
}

function createKernel(position: number, cutoff: number, reach: number): Kernel {
  const first = Math.ceil(position - reach)
  const weights = new Float64Array(Math.floor(position + reach) - first + 1)
  let total = 0
  for (let k = 0; k < weights.length; k++) {
    const distance = first + k - position
    const x = Math.PI * distance * cutoff
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / reach)
    const weight = (x === 0 ? 1 : Math.sin(x) / x) * window
    weights[k] = weight
    total += weight
  }
  for (let k = 0; k < weights.length; k++) weights[k] = (weights[k] as number) / total
  return { weights, first }
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b))
