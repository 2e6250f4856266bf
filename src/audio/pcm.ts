/** Every recognizer hears 16 kHz mono. */
export const sampleRate = 16_000

/** Sound as it came: little-endian 16-bit samples, channels interleaved. The recognizer converts it. */
export interface Pcm {
  samples: Uint8Array
  sampleRate: number
  channels: number
}
