import { AudioError } from './audio-error.ts'
import { type Encoding, maxChannels, type SampleFormat, sampleRates } from './sample-format.ts'

export interface WavHeader {
  /** Undefined if only a decoder process can read the samples. */
  format: SampleFormat | undefined
  /** The format in words, for errors. */
  description: string
  /** The position of the first sample in the file. */
  dataStart: number
  /** Bytes of samples according to the header; undefined if the header does not say. */
  dataLength: number | undefined
}

const tags = { pcm: 1, float: 3, aLaw: 6, muLaw: 7, extensible: 0xfffe }
/** The longest header that is read. */
export const maxHeaderBytes = 64 * 1024
const maxRate = 768_000
const sizeElsewhere = 0xffff_ffff

export const isWav = (head: Buffer): boolean => /^(RIFF|RF64|BW64)/.test(head.toString('latin1', 0, 4)) && head.toString('latin1', 8, 12) === 'WAVE'

const invalid = (reason: string) => new AudioError('INVALID_WAV_HEADER', `${reason} Save the recording again as a WAV file.`)
const unsupported = (reason: string) => new AudioError('UNSUPPORTED_AUDIO', reason)

/**
 * Reads a WAV header from the beginning of a file that {@link isWav} has recognized; undefined while more bytes are
 * needed. The numbers in a header are not trusted: no memory is allocated because of them.
 */
export function readWavHeader(head: Buffer): WavHeader | undefined {
  let format: Pick<WavHeader, 'format' | 'description'> | undefined
  let longLength: number | undefined
  let at = 12
  while (at + 8 <= head.length) {
    const id = head.toString('latin1', at, at + 4)
    const length = head.readUInt32LE(at + 4)
    if (id === 'data') {
      if (!format) throw invalid('The header has no format before its samples.')
      return { ...format, dataStart: at + 8, dataLength: (length === sizeElsewhere ? longLength : length) || undefined }
    }
    if (id === 'ds64' || id === 'fmt ') {
      if (length < 16 || length > 1024) throw invalid(`The chunk "${id.trim()}" in the header has ${length} bytes.`)
      if (head.length < at + 8 + length) return undefined
      const chunk = head.subarray(at + 8, at + 8 + length)
      // Files of more than 4 GB (EBU Tech 3306, ITU-R BS.2088) store their sizes in a separate chunk.
      if (id === 'ds64') longLength = Number(chunk.readBigUInt64LE(8))
      else format = readFormat(chunk)
    }
    at += 8 + length
    if (at > maxHeaderBytes) throw invalid('The header is longer than 64 kB.')
    // Chunks begin at even positions, but some programs do not pad a chunk of odd length.
    if (length % 2 && at >= head.length) return undefined
    if (length % 2 && !isNamed(head, at)) at++
  }
  if (head.length > maxHeaderBytes) throw invalid('The header is longer than 64 kB.')
  return undefined
}

/** True if a chunk of a known name begins here. */
const isNamed = (head: Buffer, at: number) =>
  /^(data|fmt |fact|LIST|bext|id3 |ID3 |JUNK|junk|PAD |FLLR|iXML|PEAK|cue |smpl)/.test(head.toString('latin1', at, at + 4))

function readFormat(chunk: Buffer): Pick<WavHeader, 'format' | 'description'> {
  const given = chunk.readUInt16LE(0)
  const tag = given === tags.extensible && chunk.length >= 26 ? chunk.readUInt16LE(24) : given
  const [channels, sampleRate, align, bits] = [chunk.readUInt16LE(2), chunk.readUInt32LE(4), chunk.readUInt16LE(12), chunk.readUInt16LE(14)]
  if (channels < 1 || channels > maxChannels)
    throw unsupported(`The file has ${channels} channels. Send 1 to ${maxChannels} channels; the server mixes them down to one.`)
  if (sampleRate < 1000 || sampleRate > maxRate) throw unsupported(`The sample rate is ${sampleRate} Hz. Send 1 to 768 kHz.`)
  const encoding = findEncoding(tag, bits)
  if (encoding === 'OTHER') return { format: undefined, description: `a WAV file with ${bits}-bit samples of codec ${tag}` }
  if (align !== channels * Math.ceil(bits / 8)) throw invalid('The sizes in the header contradict each other.')
  const isCommon = sampleRate >= sampleRates.min && sampleRate <= sampleRates.max
  return { format: isCommon ? { encoding, sampleRate, channels } : undefined, description: `a WAV file of ${sampleRate} Hz` }
}

function findEncoding(tag: number, bits: number): Encoding | 'OTHER' {
  // A sample that does not fill its bytes uses the upper bits.
  const bytes = Math.ceil(bits / 8)
  if (tag === tags.pcm) return ({ 1: 'U8', 2: 'S16', 3: 'S24', 4: 'S32' } as const)[bytes] ?? 'OTHER'
  if (tag === tags.float) return ({ 32: 'F32', 64: 'F64' } as const)[bits] ?? 'OTHER'
  if (tag === tags.muLaw && bits === 8) return 'MULAW'
  if (tag === tags.aLaw && bits === 8) return 'ALAW'
  return 'OTHER'
}
