import { type LanguageModel, openLanguageModel } from './language-model.ts'
import { type Moonshine, openMoonshine } from './moonshine.ts'
import type { RecognizerModel } from './recognizer.ts'

interface Loaded {
  acoustic: Moonshine
  language: LanguageModel
}

/** The models that one worker holds. Deployments that share a file share what is loaded of it. */
export class LoadedModels {
  readonly #acoustic = new Map<string, Promise<Moonshine>>()
  readonly #language = new Map<string, Promise<LanguageModel>>()
  readonly #ids = new Set<string>()

  get ids(): string[] {
    return [...this.#ids]
  }

  async open(model: RecognizerModel): Promise<Loaded> {
    const [acoustic, language] = await Promise.all([
      once(this.#acoustic, model.encoder, () => openMoonshine(model)),
      once(this.#language, model.writing, () => openLanguageModel(model.writing)),
    ])
    this.#ids.add(model.id)
    return { acoustic, language }
  }
}

function once<T>(opened: Map<string, Promise<T>>, key: string, open: () => Promise<T>): Promise<T> {
  const known = opened.get(key)
  if (known) return known
  const opening = open()
  opened.set(key, opening)
  opening.catch(() => opened.delete(key))
  return opening
}
