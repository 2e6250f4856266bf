// Samples as files store them, converted to what recognition takes: one channel of 16-bit numbers.

export type Encoding = 'U8' | 'S16' | 'S16BE' | 'S24' | 'S32' | 'F32' | 'F64' | 'MULAW' | 'ALAW'

const sampleBytes: Record<Encoding, number> = { U8: 1, S16: 2, S16BE: 2, S24: 3, S32: 4, F32: 4, F64: 8, MULAW: 1, ALAW: 1 }

/** How samples follow each other: `channels` of them are a frame. */
export interface SampleFormat {
  encoding: Encoding
  sampleRate: number
  channels: number
}

/** More channels than any microphone array has are a broken header. */
export const maxChannels = 64
/** What the resampler of recognition takes; a decoder process converts other rates. */
export const sampleRates = { min: 4_000, max: 192_000 }

export const frameBytes = ({ encoding, channels }: SampleFormat): number => sampleBytes[encoding] * channels

/** Whole frames as one channel of little-endian 16-bit samples: the average of all channels. */
export function toMonoInt16(frames: Buffer, { encoding, channels }: SampleFormat): Buffer {
  if (encoding === 'S16' && channels === 1) return frames
  const read = readers[encoding]
  const bytes = sampleBytes[encoding]
  const count = Math.floor(frames.length / (bytes * channels))
  // Every machine that Node runs on keeps the lower byte first, as WAV does.
  const mono = new Int16Array(count)
  for (let frame = 0, at = 0; frame < count; frame++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++, at += bytes) sum += read(frames, at)
    mono[frame] = toInt16(sum / channels)
  }
  return Buffer.from(mono.buffer)
}

/** Each reads one sample on the scale of 16 bits. */
const readers: Record<Encoding, (bytes: Buffer, at: number) => number> = {
  U8: (bytes, at) => ((bytes[at] ?? 0) - 128) * 256,
  S16: (bytes, at) => bytes.readInt16LE(at),
  S16BE: (bytes, at) => bytes.readInt16BE(at),
  S24: (bytes, at) => (((bytes[at + 2] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at] ?? 0) << 8)) / 65_536,
  S32: (bytes, at) => bytes.readInt32LE(at) / 65_536,
  F32: (bytes, at) => bytes.readFloatLE(at) * 32_768,
  F64: (bytes, at) => bytes.readDoubleLE(at) * 32_768,
  MULAW: (bytes, at) => muLaw[bytes[at] ?? 0] ?? 0,
  ALAW: (bytes, at) => aLaw[bytes[at] ?? 0] ?? 0,
}

/** Floating point may hold numbers beyond full scale, and what is no number counts as silence. */
const toInt16 = (value: number) => Math.max(-32_768, Math.min(32_767, Math.round(value))) || 0

// ITU-T G.711: a sign, three bits of exponent, four bits of mantissa.
const muLaw = Int16Array.from({ length: 256 }, (_, code) => {
  const bits = ~code & 255
  const magnitude = ((((bits & 15) << 3) + 132) << ((bits >> 4) & 7)) - 132
  return bits & 128 ? -magnitude : magnitude
})
const aLaw = Int16Array.from({ length: 256 }, (_, code) => {
  const bits = code ^ 0x55
  const exponent = (bits >> 4) & 7
  const mantissa = ((bits & 15) << 4) + 8
  const magnitude = exponent ? (mantissa + 256) << (exponent - 1) : mantissa
  return bits & 128 ? magnitude : -magnitude
})
