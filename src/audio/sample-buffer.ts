/** The most recent 16 kHz samples of one stream, addressed by their place in it. Grows with what is kept, not with what was heard. */
export class SampleBuffer {
  #samples = new Int16Array(16_384)
  #start = 0
  #length = 0

  /** The place after the last sample. */
  get end(): number {
    return this.#start + this.#length
  }

  append(samples: Float32Array): void {
    this.#makeRoom(samples.length)
    for (let i = 0; i < samples.length; i++) {
      const value = Math.round((samples[i] as number) * 32_768)
      this.#samples[this.#length + i] = Math.max(-32_768, Math.min(32_767, value))
    }
    this.#length += samples.length
  }

  /** Forgets what lies before. */
  forget(before: number): void {
    const count = Math.min(this.#length, before - this.#start)
    // Moving a few samples to the front each time would cost more than it frees.
    if (count < this.#samples.length / 2) return
    const rest = this.#samples.slice(count, this.#length)
    this.#samples = new Int16Array(Math.max(16_384, rest.length * 2))
    this.#samples.set(rest)
    this.#start += count
    this.#length -= count
  }

  /** A copy of what is still kept between two places. */
  slice(from: number, to: number): Int16Array {
    return this.#samples.slice(Math.max(0, from - this.#start), Math.max(0, Math.min(this.#length, to - this.#start)))
  }

  /** The samples between two places as decoders and detectors take them; silence past the end. */
  read(from: number, into: Float32Array): void {
    for (let i = 0; i < into.length; i++) into[i] = (this.#samples[from - this.#start + i] ?? 0) / 32_768
    const known = this.end - from
    if (known < into.length) into.fill(0, Math.max(0, known))
  }

  /** How loud it was between two places: the root of the mean square, 0 to 1. */
  loudness(from: number, to: number): number {
    const first = Math.max(0, from - this.#start)
    const last = Math.min(this.#length, to - this.#start)
    let sum = 0
    for (let i = first; i < last; i++) sum += ((this.#samples[i] as number) / 32_768) ** 2
    return last > first ? Math.sqrt(sum / (last - first)) : 0
  }

  #makeRoom(count: number) {
    if (this.#length + count <= this.#samples.length) return
    const larger = new Int16Array(Math.max(this.#samples.length * 2, this.#length + count))
    larger.set(this.#samples.subarray(0, this.#length))
    this.#samples = larger
  }
}
