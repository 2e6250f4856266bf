/** How far a transcript is from the words that were said. */
export interface WordErrors {
  /** Words substituted, left out or put in. */
  errors: number
  /** Words that were said. */
  words: number
}

/** The fewest word edits (Levenshtein) that turn one text into the other; case and punctuation do not count. */
export function countWordErrors(reference: string, transcript: string): WordErrors {
  const said = toWords(reference)
  const heard = toWords(transcript)
  let above = Array.from({ length: heard.length + 1 }, (_, column) => column)
  for (const [row, word] of said.entries()) {
    const current = [row + 1]
    for (const [column, other] of heard.entries()) {
      const substituted = (above[column] as number) + (word === other ? 0 : 1)
      current.push(Math.min(substituted, (above[column + 1] as number) + 1, (current[column] as number) + 1))
    }
    above = current
  }
  return { errors: above[heard.length] as number, words: said.length }
}

/** Word error rate over many pairs: all errors by all words. */
export function wordErrorRate(counts: readonly WordErrors[]): number {
  const words = counts.reduce((sum, count) => sum + count.words, 0)
  return counts.reduce((sum, count) => sum + count.errors, 0) / Math.max(1, words)
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
