import { AudioError } from './audio-error.ts'
import { nameSound } from './format-names.ts'
import { tagBytes } from './wav-trailer.ts'

const maxSkipped = 16 * 2 ** 20

/** The bytes of a recording; the first ones can be inspected before they are read. */
export class Lookahead {
  readonly #chunks: AsyncIterator<Buffer>
  #kept: Buffer = Buffer.alloc(0)
  #isOver = false
  /** The number of skipped bytes before the sound. */
  skipped = 0

  constructor(body: AsyncIterable<Buffer>) {
    this.#chunks = body[Symbol.asyncIterator]()
  }

  /** All buffered bytes, at least `bytes` unless the recording is shorter. */
  async peek(bytes: number): Promise<Buffer> {
    while (this.#kept.length < bytes && !this.#isOver) {
      const next = await this.#chunks.next()
      if (next.done) this.#isOver = true
      else this.#kept = this.#kept.length ? Buffer.concat([this.#kept, next.value]) : next.value
    }
    return this.#kept
  }

  /** Skips the zeros and tags that precede the sound in some files. */
  async skipTags(): Promise<void> {
    for (;;) {
      const head = await this.peek(32)
      const bytes = tagBytes(head) || zerosBefore(head) || strayBytes(head)
      if (bytes) await this.#skip(bytes)
      if (!bytes) return
    }
  }

  async *rest(): AsyncGenerator<Buffer> {
    if (this.#kept.length) yield this.#kept
    this.#kept = Buffer.alloc(0)
    if (this.#isOver) return
    for (let next = await this.#chunks.next(); !next.done; next = await this.#chunks.next()) yield next.value
  }

  async #skip(bytes: number) {
    for (let left = bytes; left > 0; ) {
      const taken = (await this.peek(1)).subarray(0, left).length
      if (!taken) return
      this.#kept = this.#kept.subarray(taken)
      this.skipped += taken
      left -= taken
      if (this.skipped > maxSkipped) throw new AudioError('UNDECODABLE_AUDIO', 'The first 16 MB contain no sound. Send only the sound.')
    }
  }
}

/** Counts zeros, line ends or a byte order mark before a known format. Some programs leave them when they join or convert files. */
function strayBytes(head: Buffer): number {
  if (nameSound(head)) return 0
  const stray = /^(\0{1,7}|[\r\n]{1,4}|\xef\xbb\xbf)/.exec(head.toString('latin1'))?.[0].length ?? 0
  // The last zeros can belong to the file.
  for (let bytes = 1; bytes <= stray; bytes++) if (nameSound(head.subarray(bytes))) return bytes
  return 0
}

/** MP4 files begin with up to three zeros; more of them are padding. */
function zerosBefore(head: Buffer): number {
  const first = head.findIndex((byte) => byte !== 0)
  if (first < 0) return head.length
  if (first < 8) return 0
  return head.toString('latin1', first + 1, first + 5) === 'ftyp' ? first - 3 : first
}
