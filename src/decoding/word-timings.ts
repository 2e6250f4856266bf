import { type Aligner, openAligner } from './aligner.ts'
import type { Alternative, TimedWord } from './alternative.ts'

let aligner: Promise<Aligner | undefined> | undefined

/** Aligns the best alternative with the sound, and places the others' words by it; without an aligner for the locale, words are shared out by length. */
export async function timeWords(alternatives: Alternative[], samples: Float32Array, locale: string): Promise<Alternative[]> {
  const [best] = alternatives
  if (!best) return []
  const words = best.lexical.split(' ')
  const known = (locale.startsWith('en') && (await align(words, samples))) || shareOut(words, 0, samples.length)
  return alternatives.map((one) => ({ ...one, words: transferTimes(one.lexical.split(' '), known, samples.length) }))
}

/** Most streams never ask for it, so the aligner is opened for the first that does. */
async function align(words: readonly string[], samples: Float32Array): Promise<TimedWord[] | undefined> {
  aligner ??= openAligner().catch(forgetAligner)
  const present = await aligner
  const times = present?.align(words, samples)
  if (present?.isFull) {
    present.close()
    aligner = undefined
  }
  return times
}

/** Words are placed roughly for now, and the next that ask may find it. */
function forgetAligner(error: Error) {
  console.error(`the aligner did not open: ${error.message}`)
  aligner = undefined
  return undefined
}

/** Shares a stretch out among words, by their letters. */
function shareOut(words: readonly string[], from: number, to: number): TimedWord[] {
  const letters = words.reduce((sum, word) => sum + word.length + 1, 0)
  let before = 0
  return words.map((word) => {
    const offset = from + Math.round(((to - from) * before) / letters)
    before += word.length + 1
    return { word, offset, duration: from + Math.round(((to - from) * before) / letters) - offset }
  })
}

/** Times of a text that differs in part from one whose times are known: what is the same, from both ends, is where it was. */
function transferTimes(words: readonly string[], known: readonly TimedWord[], end: number): TimedWord[] {
  const most = Math.min(words.length, known.length)
  let first = 0
  while (first < most && words[first] === known[first]?.word) first++
  let last = 0
  while (last < most - first && words.at(-1 - last) === known.at(-1 - last)?.word) last++
  const [before, after] = [known.slice(0, first), known.slice(known.length - last)]
  const from = before.at(-1)
  return [...before, ...shareOut(words.slice(first, words.length - last), from ? from.offset + from.duration : 0, after[0]?.offset ?? end), ...after]
}
