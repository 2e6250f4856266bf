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

/** The words that were said, each with whether it was heard, by the same fewest edits. */
export function matchWords(reference: string, transcript: string): { word: string; isHeard: boolean }[] {
  const said = toWords(reference)
  const heard = toWords(transcript)
  const rows = [Array.from({ length: heard.length + 1 }, (_, column) => column)]
  for (const [row, word] of said.entries()) {
    const above = rows[row] as number[]
    const current = [row + 1]
    for (const [column, other] of heard.entries()) {
      const substituted = (above[column] as number) + (word === other ? 0 : 1)
      current.push(Math.min(substituted, (above[column + 1] as number) + 1, (current[column] as number) + 1))
    }
    rows.push(current)
  }
  const cost = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY
  const matched = said.map((word) => ({ word, isHeard: false }))
  for (let row = said.length, column = heard.length; row > 0; ) {
    const isSame = column > 0 && said[row - 1] === heard[column - 1]
    if (column > 0 && cost(row, column) === cost(row - 1, column - 1) + (isSame ? 0 : 1)) {
      const entry = matched[--row]
      if (entry) entry.isHeard = isSame
      column--
    } else if (cost(row, column) === cost(row - 1, column) + 1) row--
    else column--
  }
  return matched
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
