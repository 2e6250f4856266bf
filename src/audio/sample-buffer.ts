/** The most recent 16 kHz samples of one stream, addressed by their position in the stream. Memory grows only with the samples that are kept. */
export class SampleBuffer {
  #samples = new Int16Array(16_384)
  #start = 0
  #length = 0

  /** The position after the last sample. */
  get end(): number {
    return this.#start + this.#length
  }

  append(samples: Float32Array): void {
    this.#grow(samples.length)
    for (let i = 0; i < samples.length; i++) {
      const value = Math.round((samples[i] as number) * 32_768)
      this.#samples[this.#length + i] = Math.max(-32_768, Math.min(32_767, value))
    }
    this.#length += samples.length
  }

  /** Removes the samples before this position, or some of them. */
  forget(before: number): void {
    const count = Math.min(this.#length, before - this.#start)
    // To move a few samples would cost more time than it frees memory.
    if (count < this.#samples.length / 2) return
    const rest = this.#samples.slice(count, this.#length)
    this.#samples = new Int16Array(Math.max(16_384, rest.length * 2))
    this.#samples.set(rest)
    this.#start += count
    this.#length -= count
  }

  /** A copy of the kept samples between two positions. */
  slice(from: number, to: number): Int16Array {
    return this.#samples.slice(Math.max(0, from - this.#start), Math.max(0, Math.min(this.#length, to - this.#start)))
  }

  /** Fills `into` with samples from -1 to 1, starting at `from`; silence past the end. */
  read(from: number, into: Float32Array): void {
    for (let i = 0; i < into.length; i++) into[i] = (this.#samples[from - this.#start + i] ?? 0) / 32_768
    const known = this.end - from
    if (known < into.length) into.fill(0, Math.max(0, known))
  }

  /** The loudness between two positions: the root mean square, 0 to 1. */
  loudness(from: number, to: number): number {
    const first = Math.max(0, from - this.#start)
    const last = Math.min(this.#length, to - this.#start)
    let sum = 0
    for (let i = first; i < last; i++) sum += ((this.#samples[i] as number) / 32_768) ** 2
    return last > first ? Math.sqrt(sum / (last - first)) : 0
  }

  #grow(count: number) {
    if (this.#length + count <= this.#samples.length) return
    const larger = new Int16Array(Math.max(this.#samples.length * 2, this.#length + count))
    larger.set(this.#samples.subarray(0, this.#length))
    this.#samples = larger
  }
}
