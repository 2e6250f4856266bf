import { basename } from 'node:path'
import type { RecognizerModel } from '../decoding/recognizer-model.ts'

/** Beyond this number, the first ones stay loaded until another model needs their memory. */
const maxUnused = 1000

/** The files of a model that take memory. */
const filesOf = ({ encoder, words }: RecognizerModel) => [encoder, words].flatMap((file) => (file ? [basename(file)] : []))

/** The files, named by their SHA-256, that no deployment uses, so that workers can evict them. */
export class UnusedFiles {
  readonly #unused = new Set<string>()
  /** The number of open streams that use a file. */
  readonly #streams = new Map<string, number>()
  readonly #changed: () => void

  /** `changed` is called when files can be evicted. */
  constructor(changed: () => void) {
    this.#changed = changed
  }

  /** Files that open streams use can be evicted when these streams have ended. */
  add(sha256s: readonly string[]): void {
    for (const sha256 of sha256s) this.#unused.add(sha256)
    for (const first of [...this.#unused].slice(0, -maxUnused)) this.#unused.delete(first)
    this.#changed()
  }

  /** Keeps the files of a model. */
  keep(model: RecognizerModel): void {
    for (const file of filesOf(model)) this.#unused.delete(file)
  }

  /** Keeps the files of a model, and counts a stream until the returned function is called. */
  use(model: RecognizerModel): () => void {
    this.keep(model)
    for (const file of filesOf(model)) this.#count(file, 1)
    return () => {
      for (const file of filesOf(model)) this.#count(file, -1)
      if (this.#unused.size) this.#changed()
    }
  }

  /** The paths of the files that can be evicted. */
  pick(paths: readonly string[]): string[] {
    if (!this.#unused.size) return []
    return paths.filter((path) => this.#unused.has(basename(path)) && !this.#streams.has(basename(path)))
  }

  #count(file: string, change: 1 | -1) {
    const count = (this.#streams.get(file) ?? 0) + change
    if (count) this.#streams.set(file, count)
    else this.#streams.delete(file)
  }
}
