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
export const longestHeader = 64 * 1024
const unsupported = (reason: string) =>
  new SpeechProblem(415, 'UNSUPPORTED_AUDIO', `${reason} Send 16-bit PCM WAV, 8 to 96 kHz, 1 or 2 channels; over HTTP also MP3, FLAC, Ogg Opus or WebM.`)
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
