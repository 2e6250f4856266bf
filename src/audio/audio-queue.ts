/** Audio in the order of its arrival, taken in larger pieces than it came in. */
export class AudioQueue {
  readonly #mostBytes: number
  #pieces: Uint8Array[] = []
  #bytes = 0

  /** `mostBytes` is the size of the largest piece that is taken. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** True if a piece of the largest size waits. */
  get isFull(): boolean {
    return this.#bytes >= this.#mostBytes
  }

  add(pcm: Uint8Array): void {
    for (let at = 0; at < pcm.length; at += this.#mostBytes) this.#pieces.push(pcm.subarray(at, at + this.#mostBytes))
    this.#bytes += pcm.length
  }

  /** The next audio, as much as fits in a piece; undefined if none waits. */
  take(): Uint8Array | undefined {
    let [count, bytes] = [0, 0]
    for (const { length } of this.#pieces) {
      if (bytes + length > this.#mostBytes) break
      bytes += length
      count++
    }
    this.#bytes -= bytes
    const taken = this.#pieces.splice(0, count)
    return taken.length > 1 ? Buffer.concat(taken, bytes) : taken[0]
  }

  clear(): void {
    this.#pieces = []
    this.#bytes = 0
  }
}
