import { readFile } from 'node:fs/promises'
import type { Fusion } from './fusion.ts'
import { decodeWordModel } from './ngram-file.ts'
import { WordFusion, type WordState } from './ngram-fusion.ts'
import { ModelUnusableError } from './recognizer-model.ts'
import { endToken, lowerPieces } from './tokens.ts'
import { createRewriter } from './written-words.ts'

/** How much a word of the text counts against the sound, where recordings have not told better. */
const usualWeight = 0.5

/** A custom language model as recognition uses it. */
export interface CustomWords {
  fusion: Fusion<WordState>
  /** Recognized text as the user's own text would write it. */
  rewrite(text: string): string
}

/** Reads the words of a custom language model. */
export async function openCustomWords(file: string): Promise<CustomWords> {
  const bytes = await readFile(file).catch((error) => {
    throw new ModelUnusableError(`The language model's words cannot be read (${error.code}).`)
  })
  const model = decodeWordModel(bytes)
  return { fusion: weigh(new WordFusion(model), model.weight ?? usualWeight), rewrite: createRewriter(model) }
}

/** The words' fusion on the tokens of the acoustic models. */
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
