import { sampleRate } from './recognizer.ts'

/** Little-endian 16-bit samples as one channel, -1 to 1; two channels are averaged. */
export function toMono(bytes: Uint8Array, channels: number): Float32Array {
  const samples = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
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
