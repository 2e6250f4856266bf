import { readSync } from 'node:fs'
import { AudioError } from './audio-error.ts'
import { SeamFinder, seamBytes } from './joined-files.ts'

/** The most bytes of a file: those that are not sound, such as pictures, and those of each second of sound. */
const maxBytes = { beside: 16 * 2 ** 20, perSecond: 2 ** 20 }
/** The largest file that is held in memory because its index follows its content. */
const maxWhole = 64 * 2 ** 20
const chunkBytes = 64 * 1024

/** The recording that a pipe delivers. Joined files are separated: each ends where the next one begins. */
export class DecoderInput {
  readonly #pipe: number
  readonly #waits: () => void
  #kept: Buffer = Buffer.alloc(0)
  #isOver = false
  /** The index in `#kept` at which the next file begins; undefined until it is found. */
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

  /** The first bytes of the present file, fewer only if the file ends before. */
  peek(bytes: number): Buffer {
    while (this.#usable < bytes && this.#fill());
    return this.#kept.subarray(0, Math.min(bytes, this.#usable))
  }

  /** One to `bytes` bytes of the present file; null at its end. */
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
          `The index of the file follows its content, and the file is larger than ${maxWhole / 2 ** 20} MB. Send only the sound, or move the index to the front (ffmpeg -movflags +faststart).`,
        )
      pieces.push(piece)
    }
    this.#isWhole = false
    return Buffer.concat(pieces)
  }

  /** Searches for the next file with the patterns that are safe in this container. */
  expect(container: string): void {
    this.#finder = new SeamFinder(container)
    this.#search()
  }

  /** Skips the rest of the present file; false when no other file follows. */
  next(): boolean {
    while (this.read(chunkBytes));
    this.#finder = undefined
    this.#searched = 1
    this.#seam = undefined
    return this.#kept.length > 0
  }

  /** The number of bytes that certainly belong to the present file. */
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
        `The first ${Math.round(this.#total / 2 ** 20)} MB contain ${this.seconds.toFixed(1)} s of sound. Send only the sound.`,
      )
    this.#kept = Buffer.concat([this.#kept, chunk.subarray(0, got)])
    this.#search()
    return true
  }

  #search() {
    const found = this.#finder?.find(this.#kept, this.#searched) ?? -1
    if (found >= 0) this.#seam = found
    // The last bytes can be the start of a pattern, so the next search includes them.
    if (this.#finder) this.#searched = Math.max(this.#searched, this.#kept.length - seamBytes)
  }
}
