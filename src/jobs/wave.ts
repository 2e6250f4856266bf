import type { Pcm } from '../recognition/recognizer.ts'

/** The samples of a WAV file of at most so many seconds, or what is wrong with it. */
export function readWave(bytes: Buffer, longestSeconds: number): Pcm | string {
  if (bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WAVE') return 'is not a WAV file'
  let format: { sampleRate: number; channels: number } | undefined
  for (let at = 12; at + 8 <= bytes.length; ) {
    const id = bytes.toString('latin1', at, at + 4)
    const length = bytes.readUInt32LE(at + 4)
    const chunk = bytes.subarray(at + 8, at + 8 + length)
    if (id === 'fmt ' && chunk.length >= 16) {
      format = { channels: chunk.readUInt16LE(2), sampleRate: chunk.readUInt32LE(4) }
      if (![1, 0xfffe].includes(chunk.readUInt16LE(0)) || chunk.readUInt16LE(14) !== 16) return 'is not 16-bit PCM'
      if (format.channels < 1 || format.channels > 2 || format.sampleRate < 8000 || format.sampleRate > 96_000)
        return 'has an unusual rate or number of channels'
    }
    if (id === 'data' && format) {
      const frame = 2 * format.channels
      const samples = chunk.subarray(0, chunk.length - (chunk.length % frame))
      if (!samples.length) return 'is empty'
      return samples.length > longestSeconds * frame * format.sampleRate ? `is longer than ${longestSeconds} s` : { samples, ...format }
    }
    at += 8 + length + (length % 2)
  }
  return 'has no samples'
}
