import { readWavHeader } from '../src/audio/wav-header.ts'

/** G.711 µ-law of one 16-bit sample: sign, exponent and mantissa, all bits inverted. */
function encode(sample: number): number {
  const bias = 132
  const sign = sample < 0 ? 0x80 : 0
  const magnitude = Math.min(32_635, Math.abs(sample)) + bias
  const exponent = 31 - Math.clz32(magnitude) - 7
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f
  return ~(sign | (exponent << 4) | mantissa) & 0xff
}

/** Converts a 16 kHz WAV recording to the format of telephones: 8 kHz, one channel, µ-law in a WAV container. */
export function toMuLaw(wav: Buffer): Buffer {
  const pcm = wav.subarray(readWavHeader(wav)?.dataStart ?? 44)
  const samples = Buffer.alloc(Math.floor(pcm.length / 4))
  for (let n = 0; n < samples.length; n++) samples[n] = encode((pcm.readInt16LE(n * 4) + pcm.readInt16LE(n * 4 + 2)) >> 1)
  const header = Buffer.alloc(46)
  header.write('RIFF')
  header.writeUInt32LE(header.length - 8 + samples.length, 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(18, 16)
  header.writeUInt16LE(7, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(8_000, 24)
  header.writeUInt32LE(8_000, 28)
  header.writeUInt16LE(1, 32)
  header.writeUInt16LE(8, 34)
  header.write('data', 38)
  header.writeUInt32LE(samples.length, 42)
  return Buffer.concat([header, samples])
}
