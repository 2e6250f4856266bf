/** The rate of all recognition: 16 kHz, mono. */
export const sampleRate = 16_000

/** Sound before conversion: little-endian 16-bit samples, channels interleaved. */
export interface Pcm {
  samples: Uint8Array
  sampleRate: number
  channels: number
}
