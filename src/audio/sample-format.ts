// Converts the sample formats of files to one channel of 16-bit numbers.

export type Encoding = 'U8' | 'S16' | 'S16BE' | 'S24' | 'S32' | 'F32' | 'F64' | 'MULAW' | 'ALAW'

const sampleBytes: Record<Encoding, number> = { U8: 1, S16: 2, S16BE: 2, S24: 3, S32: 4, F32: 4, F64: 8, MULAW: 1, ALAW: 1 }

/** Interleaved samples: `channels` of them make a frame. */
export interface SampleFormat {
  encoding: Encoding
  sampleRate: number
  channels: number
}

/** A header with more channels than any microphone array has is damaged. */
export const maxChannels = 64
/** The rates that the resampler accepts; a decoder process converts other rates. */
export const sampleRates = { min: 4_000, max: 192_000 }

export const frameBytes = ({ encoding, channels }: SampleFormat): number => sampleBytes[encoding] * channels

/** Converts whole frames to one channel of little-endian 16-bit samples: the average of all channels. */
export function toMonoInt16(frames: Buffer, { encoding, channels }: SampleFormat): Buffer {
  if (encoding === 'S16' && channels === 1) return frames
  const read = readers[encoding]
  const bytes = sampleBytes[encoding]
  const count = Math.floor(frames.length / (bytes * channels))
  // Every machine that Node supports stores the lower byte first, like WAV.
  const mono = new Int16Array(count)
  for (let frame = 0, at = 0; frame < count; frame++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++, at += bytes) sum += read(frames, at)
    mono[frame] = toInt16(sum / channels)
  }
  return Buffer.from(mono.buffer)
}

/** Functions that read one sample and scale it to 16 bits. */
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

/** Floating-point samples beyond full scale are clipped; NaN counts as silence. */
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
