import { stat } from 'node:fs/promises'
import { type CustomWords, openCustomWords } from './custom-language-model.ts'
import { type Moonshine, openMoonshine } from './moonshine.ts'
import type { RecognizerModel } from './recognizer-model.ts'
import { type CompiledWritingRules, openWritingRules } from './writing-rules.ts'

interface Loaded {
  acoustic: Moonshine
  language: CompiledWritingRules
  custom: CustomWords | undefined
}

interface LoadedFile {
  bytes: number
  value: Promise<unknown>
  close(): Promise<void>
}

interface MemoryBudget {
  budget: number
  /** Files that must not be evicted because the model needs them. */
  needed: readonly (string | undefined)[]
}

interface Part<T> {
  size(): Promise<number>
  open(): Promise<T>
  close(opened: T): Promise<void>
}

/** The memory of the process before it loads any model. */
const bareBytes = 90 * 2 ** 20
/** The memory of weights that are unpacked for speed, and of decoding half a minute of speech. */
const bytesPerFileByte = 3
const workingBytes = 60 * 2 ** 20

/**
 * The models that one worker holds within a budget. The least recently used files are evicted, but never a file of the
 * requested model, even if that model exceeds the budget. Deployments with a common file share
 * its loaded form.
 */
export class LoadedModels {
  /** By file, the least recently used first. */
  readonly #entries = new Map<string, LoadedFile>()
  readonly #models = new Map<string, string[]>()

  /** The models whose files are all loaded. */
  get ids(): string[] {
    return [...this.#models.keys()]
  }

  get files(): string[] {
    return [...this.#entries.keys()]
  }

  /** The expected memory of the process. */
  get bytes(): number {
    return [...this.#entries.values()].reduce((sum, { bytes }) => sum + bytes, bareBytes)
  }

  /** True if the model fits without an eviction. */
  async fits(model: RecognizerModel, budget: number): Promise<boolean> {
    return this.#entries.has(model.encoder) || this.bytes + (await estimate(model)) <= budget
  }

  async open(model: RecognizerModel, budget: number): Promise<Loaded> {
    const { words } = model
    const memory: MemoryBudget = { budget, needed: [model.encoder, model.writing, words] }
    const acoustic = await this.#use(model.encoder, memory, {
      size: () => estimate(model),
      open: () => openMoonshine(model),
      close: (opened) => opened.close(),
    })
    const language = await this.#use(model.writing, memory, {
      size: async () => 0,
      open: () => openWritingRules(model.writing),
      close: async () => {},
    })
    const custom = words
      ? await this.#use(words, memory, { size: () => sizeInMemory(words), open: () => openCustomWords(words), close: async () => {} })
      : undefined
    this.#models.set(model.id, [model.encoder, model.writing])
    return { acoustic, language, custom }
  }

  /** Evicts files that are no longer needed, before their memory is. */
  async release(files: readonly string[]): Promise<void> {
    for (const file of files) {
      const entry = this.#entries.get(file)
      if (entry) await this.#evict(file, entry)
    }
  }

  async #evict(file: string, entry: LoadedFile): Promise<void> {
    this.#entries.delete(file)
    for (const [id, files] of this.#models) if (files.includes(file)) this.#models.delete(id)
    await entry.close()
  }

  async #use<T>(file: string, { budget, needed }: MemoryBudget, { size, open, close }: Part<T>): Promise<T> {
    const known = this.#entries.get(file)
    if (known) {
      this.#entries.delete(file)
      this.#entries.set(file, known)
      return known.value as Promise<T>
    }
    const bytes = await size()
    for (const [other, entry] of this.#entries) {
      if (this.bytes + bytes <= budget) break
      if (!needed.includes(other)) await this.#evict(other, entry)
    }
    const value = open()
    this.#entries.set(file, { bytes, value, close: async () => close(await value) })
    value.catch(() => this.#entries.delete(file))
    return value
  }
}

/** Numbers are used in place; words become strings with a rank. */
const sizeInMemory = (file: string) => sizeOf(file).then((size) => 2 * size)

const sizeOf = (file: string) =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  )

/** Estimates the memory of a model before it is loaded. A missing file counts 0, because opening it fails. */
async function estimate({ encoder, decoder }: RecognizerModel): Promise<number> {
  const sizes = await Promise.all([encoder, decoder].map(sizeOf))
  return workingBytes + bytesPerFileByte * sizes.reduce((sum, size) => sum + size, 0)
}
