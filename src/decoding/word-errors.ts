import { toSpokenWords } from './spoken-words.ts'

/** The word errors of a transcript. */
export interface WordErrors {
  /** The sum of the three kinds of errors. */
  errors: number
  /** Words of the reference. */
  words: number
  substitutions: number
  deletions: number
  insertions: number
}

/** A word of the reference beside a word of the transcript. `said` is null for an insertion, `heard` for a deletion. */
export interface AlignedWord {
  op: 'CORRECT' | 'SUBSTITUTION' | 'DELETION' | 'INSERTION'
  said: string | null
  heard: string | null
}

/**
 * The most words of either text in a comparison. This bounds the time to a million pairs of words, and is twice
 * the number of words that fit into a test recording of one minute.
 */
export const maxComparedWords = 1_000

/** One of two compared texts has more words than {@link maxComparedWords}. */
export class TooManyWordsError extends Error {
  readonly words: number
  constructor(words: number) {
    super(`has ${words} words; at most ${maxComparedWords} can be compared`)
    this.words = words
  }
}

/** The words of a text as they are compared, equally for references and transcripts: those of {@link toSpokenWords}. */
export const toComparedWords = (text: string, locale = 'en-US'): string[] => toSpokenWords(text, locale).map(({ word }) => word)

/**
 * Counts the word errors as NIST's `sclite` does, without regard to case, punctuation and the form of numbers. Throws a
 * {@link TooManyWordsError} if a text is too long.
 */
export function countWordErrors(reference: string, transcript: string, locale?: string): WordErrors {
  const counts = { CORRECT: 0, SUBSTITUTION: 0, DELETION: 0, INSERTION: 0 }
  for (const { op } of alignTexts(reference, transcript, locale)) counts[op]++
  const { CORRECT, SUBSTITUTION: substitutions, DELETION: deletions, INSERTION: insertions } = counts
  return { errors: substitutions + deletions + insertions, words: CORRECT + substitutions + deletions, substitutions, deletions, insertions }
}

/** The words of the reference, and for each whether the transcript has it. Throws as {@link countWordErrors} does. */
export function matchWords(reference: string, transcript: string, locale?: string): { word: string; isHeard: boolean }[] {
  return alignTexts(reference, transcript, locale).flatMap(({ op, said }) => (said === null ? [] : [{ word: said, isHeard: op === 'CORRECT' }]))
}

/** The alignment of two texts. Throws as {@link countWordErrors} does. */
export const alignTexts = (reference: string, transcript: string, locale?: string): AlignedWord[] =>
  alignWords(toComparedWords(reference, locale), toComparedWords(transcript, locale))

/** The word error rate over many pairs: all errors divided by all words. */
export function wordErrorRate(counts: readonly Pick<WordErrors, 'errors' | 'words'>[]): number {
  const words = counts.reduce((sum, count) => sum + count.words, 0)
  return counts.reduce((sum, count) => sum + count.errors, 0) / Math.max(1, words)
}

// The costs of sclite. A substitution costs less than a deletion with an insertion, but more than half of it, so the
// alignment can have more errors than the fewest edits.
const substitutionCost = 4
const gapCost = 3

/**
 * Aligns words at the lowest cost. Of equally cheap steps, a match or substitution precedes an insertion, and an insertion
 * precedes a deletion, seen from the end, as in sclite. One byte for each pair of words is kept for the way back.
 */
export function alignWords(said: readonly string[], heard: readonly string[]): AlignedWord[] {
  for (const { length } of [said, heard]) if (length > maxComparedWords) throw new TooManyWordsError(length)
  const columns = heard.length + 1
  const steps = new Uint8Array((said.length + 1) * columns)
  const costs = Uint16Array.from({ length: columns }, (_, column) => column * gapCost)
  steps.fill(insertion, 1, columns)
  for (let row = 1; row <= said.length; row++) {
    let diagonal = costs[0] as number
    costs[0] = row * gapCost
    steps[row * columns] = deletion
    for (let column = 1; column < columns; column++) {
      const paired = diagonal + (said[row - 1] === heard[column - 1] ? 0 : substitutionCost)
      const deleted = (costs[column] as number) + gapCost
      const inserted = (costs[column - 1] as number) + gapCost
      diagonal = costs[column] as number
      const isPaired = paired <= deleted && paired <= inserted
      steps[row * columns + column] = isPaired ? pair : deleted < inserted ? deletion : insertion
      costs[column] = isPaired ? paired : Math.min(deleted, inserted)
    }
  }
  return walkBack(said, heard, steps)
}

const [pair, deletion, insertion] = [0, 1, 2]

function walkBack(said: readonly string[], heard: readonly string[], steps: Uint8Array): AlignedWord[] {
  const aligned: AlignedWord[] = []
  let [row, column] = [said.length, heard.length]
  while (row > 0 || column > 0) {
    const step = steps[row * (heard.length + 1) + column]
    const one = step === insertion ? null : (said[--row] as string)
    const other = step === deletion ? null : (heard[--column] as string)
    aligned.push({ op: one === null ? 'INSERTION' : other === null ? 'DELETION' : one === other ? 'CORRECT' : 'SUBSTITUTION', said: one, heard: other })
  }
  return aligned.reverse()
}
