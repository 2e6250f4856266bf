/** The word errors of a transcript. */
export interface WordErrors {
  /** Substituted, omitted and inserted words. */
  errors: number
  /** Words of the reference. */
  words: number
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

/**
 * The fewest word edits (Levenshtein) that turn one text into the other, without regard to case and punctuation.
 * Throws a {@link TooManyWordsError} if a text is too long.
 */
export function countWordErrors(reference: string, transcript: string): WordErrors {
  const { said, heard } = toNumbers(reference, transcript)
  return { errors: countEdits(said, heard)[heard.length] as number, words: said.length }
}

/**
 * The words of the reference, and for each whether the transcript has it, by fewest edits. Memory grows with the length of
 * the texts, not with their product (Hirschberg, 1975). Throws as {@link countWordErrors} does.
 */
export function matchWords(reference: string, transcript: string): { word: string; isHeard: boolean }[] {
  const { said, heard, words } = toNumbers(reference, transcript)
  const isHeard = new Uint8Array(said.length)
  match(said, heard, isHeard)
  return words.map((word, n) => ({ word, isHeard: isHeard[n] === 1 }))
}

/** The word error rate over many pairs: all errors divided by all words. */
export function wordErrorRate(counts: readonly WordErrors[]): number {
  const words = counts.reduce((sum, count) => sum + count.words, 0)
  return counts.reduce((sum, count) => sum + count.errors, 0) / Math.max(1, words)
}

/** Numbers the words of both texts; equal words have equal numbers. */
function toNumbers(reference: string, transcript: string) {
  const ids = new Map<string, number>()
  const number = (words: string[]) => {
    if (words.length > maxComparedWords) throw new TooManyWordsError(words.length)
    return Uint16Array.from(words, (word) => ids.get(word) ?? ids.set(word, ids.size).size - 1)
  }
  const words = toWords(reference)
  return { words, said: number(words), heard: number(toWords(transcript)) }
}

/** The fewest edits from the whole reference to each beginning of the transcript. */
function countEdits(said: Uint16Array, heard: Uint16Array): Uint16Array {
  const row = Uint16Array.from({ length: heard.length + 1 }, (_, column) => column)
  for (const word of said) {
    let diagonal = row[0] as number
    row[0] = diagonal + 1
    for (let column = 1; column < row.length; column++) {
      const above = row[column] as number
      const substituted = diagonal + (word === heard[column - 1] ? 0 : 1)
      row[column] = Math.min(substituted, above + 1, (row[column - 1] as number) + 1)
      diagonal = above
    }
  }
  return row
}

/** Halves the reference, and divides the transcript where both halves together need the fewest edits. */
function match(said: Uint16Array, heard: Uint16Array, isHeard: Uint8Array): void {
  if (said.length === 0 || heard.length === 0) return
  if (said.length === 1) {
    isHeard[0] = heard.includes(said[0] as number) ? 1 : 0
    return
  }
  const middle = said.length >> 1
  const before = countEdits(said.subarray(0, middle), heard)
  const after = countEdits(said.slice(middle).reverse(), heard.slice().reverse())
  let at = 0
  const cost = (column: number) => (before[column] as number) + (after[heard.length - column] as number)
  for (let column = 1; column <= heard.length; column++) if (cost(column) < cost(at)) at = column
  match(said.subarray(0, middle), heard.subarray(0, at), isHeard.subarray(0, middle))
  match(said.subarray(middle), heard.subarray(at), isHeard.subarray(middle))
}

const titles = new Map([
  ['mr', 'mister'],
  ['mrs', 'missus'],
  ['dr', 'doctor'],
])

const toWords = (text: string) =>
  text
    .normalize('NFC')
    .toLowerCase()
    .replaceAll('\u2019', "'")
    .replace(/[^\p{L}\p{N}\p{M}']+/gu, ' ')
    .split(' ')
    .map((word) => word.replace(/^'+|'+$/g, ''))
    .filter(Boolean)
    .map((word) => titles.get(word) ?? word)
