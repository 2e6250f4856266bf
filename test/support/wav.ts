// WAV files with arbitrary headers.

export interface WavOptions {
  rate?: number
  channels?: number
  bits?: number
  encoding?: number
  align?: number
  dataLength?: number
}

/** A WAV file around samples, 16-bit by default. */
export function wav(
  samples: NodeJS.ArrayBufferView,
  { rate = 16_000, channels = 1, bits = 16, encoding = 1, align = (channels * bits) / 8, dataLength }: WavOptions = {},
): Buffer<ArrayBuffer> {
  const header = Buffer.alloc(44)
  header.write('RIFF', 0)
  header.writeUInt32LE(Math.min(0xffffffff, 36 + samples.byteLength), 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(encoding, 20)
  header.writeUInt16LE(channels, 22)
  header.writeUInt32LE(rate, 24)
  header.writeUInt32LE((rate * align) >>> 0, 28)
  header.writeUInt16LE(align, 32)
  header.writeUInt16LE(bits, 34)
  header.write('data', 36)
  header.writeUInt32LE(dataLength ?? samples.byteLength, 40)
  return Buffer.concat([header, Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)])
}

/** The samples of a WAV file with the usual header. */
export function samplesOf(file: Buffer): Int16Array {
  const copy = Buffer.from(file.subarray(44))
  return new Int16Array(copy.buffer, copy.byteOffset, copy.length >> 1)
}

/** How alike two sounds are, 1 for the same, at the best of the shifts that encoders make. */
export function likeness(one: Int16Array, other: Int16Array, maxShift = 2000): number {
  const at = (shift: number, step: number) => {
    let [both, first, second] = [0, 0, 0]
    for (let n = Math.max(0, -shift); n < Math.min(one.length, other.length - shift); n += step) {
      const [a, b] = [one[n] as number, other[n + shift] as number]
      both += a * b
      first += a * a
      second += b * b
    }
    return both / Math.sqrt(first * second || 1)
  }
  const shifts = Array.from({ length: 2 * maxShift + 1 }, (_, n) => ({ shift: n - maxShift, like: at(n - maxShift, 61) }))
  const likely = shifts.toSorted((a, b) => b.like - a.like).slice(0, 20)
  return Math.max(...likely.map(({ shift }) => at(shift, 1)))
}
