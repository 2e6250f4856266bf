const maxBytes = 256 * 1024

/** A bounded queue of bytes between a socket and an asynchronous reader. */
export class ByteQueue implements AsyncIterable<Buffer> {
  readonly #drained: () => void
  #pieces: Buffer[] = []
  #bytes = 0
  #isFull = false
  #isOver = false
  #arrived = Promise.withResolvers<void>()

  /** `drained` is called when the queue accepts more bytes again. */
  constructor(drained: () => void) {
    this.#drained = drained
  }

  /** False when the sender should pause until `drained`. */
  push(piece: Buffer): boolean {
    this.#pieces.push(piece)
    this.#bytes += piece.length
    this.#isFull = this.#bytes > maxBytes
    this.#arrived.resolve()
    return !this.#isFull
  }

  end(): void {
    this.#isOver = true
    this.#arrived.resolve()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      const piece = this.#pieces.shift()
      if (piece) {
        this.#bytes -= piece.length
        if (this.#isFull && this.#bytes <= maxBytes / 2) {
          this.#isFull = false
          this.#drained()
        }
        yield piece
      } else if (this.#isOver) return
      else {
        this.#arrived = Promise.withResolvers()
        await this.#arrived.promise
      }
    }
  }
}
