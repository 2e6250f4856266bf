import { readFile } from 'node:fs/promises'
import type { Fusion } from './fusion.ts'
import { decodeWordModel } from './ngram-file.ts'
import { WordFusion, type WordState } from './ngram-fusion.ts'
import { ModelUnusableError } from './recognizer-model.ts'
import { endToken, lowerPieces } from './tokens.ts'
import { createRewriter } from './written-words.ts'

/** The weight of the language model against the sound, unless test recordings gave a better one. */
const usualWeight = 0.5

/** A custom language model, loaded for recognition. */
export interface CustomWords {
  fusion: Fusion<WordState>
  /** Writes recognized text like the training text. */
  rewrite(text: string): string
}

/** Reads a custom language model. Rejects with a {@link ModelUnusableError}. */
export async function openCustomWords(file: string): Promise<CustomWords> {
  const bytes = await readFile(file).catch((error) => {
    throw new ModelUnusableError(`The file of the language model cannot be read (${error.code}). Train the model again.`)
  })
  const model = decodeWordModel(bytes)
  return { fusion: weigh(new WordFusion(model), model.weight ?? usualWeight), rewrite: createRewriter(model) }
}

/** Applies the fusion of words to the tokens of acoustic models. */
function weigh(words: WordFusion, weight: number): Fusion<WordState> {
  return {
    start: words.initial,
    step(state, token) {
      if (token === endToken) return { score: weight * words.end(state), state: words.initial }
      const piece = lowerPieces[token]
      if (!piece) return { score: 0, state }
      const { bonus, state: next } = words.step(state, piece)
      return { score: weight * bonus, state: next }
    },
  }
}
