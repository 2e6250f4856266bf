import { readSync } from 'node:fs'
import { AudioError } from './audio-error.ts'
import { SeamFinder, seamBytes } from './joined-files.ts'

/** What a file may have beside its sound, pictures above all, and what its sound may take at most. */
const maxBytes = { beside: 16 * 2 ** 20, perSecond: 2 ** 20 }
/** What is kept of a file whose index stands behind its content. */
const maxWhole = 64 * 2 ** 20
const chunkBytes = 64 * 1024

/** The recording as it comes in through a pipe; files that were joined are told apart, and each ends where the next one begins. */
export class DecoderInput {
  readonly #pipe: number
  readonly #waits: () => void
  #kept: Buffer = Buffer.alloc(0)
  #isOver = false
  /** Where the next file begins within what is kept; undefined when it does not yet. */
  #seam: number | undefined
  #finder: SeamFinder | undefined
  #searched = 1
  #total = 0
  #isWhole = false
  /** Seconds of sound so far. */
  seconds = 0

  /** `waits` is called before the process waits for bytes. */
  constructor(pipe: number, waits: () => void) {
    this.#pipe = pipe
    this.#waits = waits
  }

  /** The first bytes of the present file: so many, unless it ends before. */
  peek(bytes: number): Buffer {
    while (this.#usable < bytes && this.#fill());
    return this.#kept.subarray(0, Math.min(bytes, this.#usable))
  }

  /** At least a byte of the present file; null at its end. */
  read(bytes: number): Buffer | null {
    while (this.#usable === 0) if (!this.#fill()) return null
    const taken = this.#kept.subarray(0, Math.min(bytes, this.#usable))
    this.#kept = this.#kept.subarray(taken.length)
    if (this.#seam !== undefined) this.#seam -= taken.length
    this.#searched = Math.max(0, this.#searched - taken.length)
    return taken
  }

  /** The whole of the present file. */
  readWhole(): Buffer {
    this.#isWhole = true
    const pieces: Buffer[] = []
    for (let size = 0, piece = this.read(maxWhole); piece; piece = this.read(maxWhole)) {
      size += piece.length
      if (size > maxWhole)
        throw new AudioError(
          'UNSUPPORTED_AUDIO',
          `The index of the file stands behind its content, and the file has more than ${maxWhole / 2 ** 20} MB. Send its sound alone, or move the index to the front (ffmpeg -movflags +faststart).`,
        )
      pieces.push(piece)
    }
    this.#isWhole = false
    return Buffer.concat(pieces)
  }

  /** Other files begin differently, depending on the container that they are found in. */
  expect(container: string): void {
    this.#finder = new SeamFinder(container)
    this.#search()
  }

  /** Passes over the rest of the present file; false when no other one follows. */
  next(): boolean {
    while (this.read(chunkBytes));
    this.#finder = undefined
    this.#searched = 1
    this.#seam = undefined
    return this.#kept.length > 0
  }

  /** What certainly belongs to the present file. */
  get #usable(): number {
    if (this.#seam !== undefined) return this.#seam
    return this.#isOver || !this.#finder ? this.#kept.length : Math.max(0, this.#kept.length - seamBytes)
  }

  #fill(): boolean {
    if (this.#isOver || this.#seam !== undefined) return false
    this.#waits()
    const chunk = Buffer.allocUnsafe(chunkBytes)
    const got = readSync(this.#pipe, chunk)
    this.#isOver = got === 0
    this.#total += got
    if (!this.#isWhole && this.#total > maxBytes.beside + this.seconds * maxBytes.perSecond)
      throw new AudioError(
        'UNDECODABLE_AUDIO',
        `The first ${Math.round(this.#total / 2 ** 20)} MB hold ${this.seconds.toFixed(1)} s of sound. Send the sound alone.`,
      )
    this.#kept = Buffer.concat([this.#kept, chunk.subarray(0, got)])
    this.#search()
    return true
  }

  #search() {
    const found = this.#finder?.find(this.#kept, this.#searched) ?? -1
    if (found >= 0) this.#seam = found
    // What may be the beginning of a beginning is looked at again.
    if (this.#finder) this.#searched = Math.max(this.#searched, this.#kept.length - seamBytes)
  }
}
