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

interface Room {
  budget: number
  /** Files that are in use, or about to be, and do not give way. */
  needed: readonly (string | undefined)[]
}

interface Part<T> {
  size(): Promise<number>
  open(): Promise<T>
  close(opened: T): Promise<void>
}

/** The process itself, before it holds any model. */
const bareBytes = 90 * 2 ** 20
/** Weights that were unpacked for speed, and what decoding half a minute of speech takes beside them. */
const bytesPerFileByte = 3
const workingBytes = 60 * 2 ** 20

/**
 * The models that one worker holds, within a budget: the least recently used give way, but never a part
 * of the one that is asked for, though it be larger than the budget. Deployments that share a file share
 * what is loaded of it.
 */
export class LoadedModels {
  /** By file, the least recently used first. */
  readonly #entries = new Map<string, LoadedFile>()
  readonly #models = new Map<string, string[]>()

  /** The models of which every part is loaded. */
  get ids(): string[] {
    return [...this.#models.keys()]
  }

  /** What the process is expected to take. */
  get bytes(): number {
    return [...this.#entries.values()].reduce((sum, { bytes }) => sum + bytes, bareBytes)
  }

  /** Whether the model could be loaded without another giving way. */
  async hasRoomFor(model: RecognizerModel, budget: number): Promise<boolean> {
    return this.#entries.has(model.encoder) || this.bytes + (await estimate(model)) <= budget
  }

  async open(model: RecognizerModel, budget: number): Promise<Loaded> {
    const { words } = model
    const room: Room = { budget, needed: [model.encoder, model.writing, words] }
    const acoustic = await this.#use(model.encoder, room, {
      size: () => estimate(model),
      open: () => openMoonshine(model),
      close: (opened) => opened.close(),
    })
    const language = await this.#use(model.writing, room, {
      size: async () => 0,
      open: () => openWritingRules(model.writing),
      close: async () => {},
    })
    const custom = words
      ? await this.#use(words, room, { size: () => sizeInMemory(words), open: () => openCustomWords(words), close: async () => {} })
      : undefined
    this.#models.set(model.id, [model.encoder, model.writing])
    return { acoustic, language, custom }
  }

  async #use<T>(file: string, { budget, needed }: Room, { size, open, close }: Part<T>): Promise<T> {
    const known = this.#entries.get(file)
    if (known) {
      this.#entries.delete(file)
      this.#entries.set(file, known)
      return known.value as Promise<T>
    }
    const bytes = await size()
    for (const [other, entry] of this.#entries) {
      if (this.bytes + bytes <= budget) break
      if (needed.includes(other)) continue
      this.#entries.delete(other)
      for (const [id, files] of this.#models) if (files.includes(other)) this.#models.delete(id)
      await entry.close()
    }
    const value = open()
    this.#entries.set(file, { bytes, value, close: async () => close(await value) })
    value.catch(() => this.#entries.delete(file))
    return value
  }
}

/** Numbers stay as they lie in the file; words become strings, and each is ranked. */
const sizeInMemory = (file: string) => sizeOf(file).then((size) => 2 * size)

const sizeOf = (file: string) =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  )

/** Known before anything is loaded; a file that is not there will be missed when it is. */
async function estimate({ encoder, decoder }: RecognizerModel): Promise<number> {
  const sizes = await Promise.all([encoder, decoder].map(sizeOf))
  return workingBytes + bytesPerFileByte * sizes.reduce((sum, size) => sum + size, 0)
}
