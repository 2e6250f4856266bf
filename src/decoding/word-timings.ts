import { type Aligner, openAligner } from './aligner.ts'
import type { Alternative, TimedWord } from './alternative.ts'

let aligner: Promise<Aligner | undefined> | undefined

/** Aligns the best alternative with the sound, and derives the times of the others from it. Without an aligner for the locale, word lengths decide. */
export async function timeWords(alternatives: Alternative[], samples: Float32Array, locale: string): Promise<Alternative[]> {
  const [best] = alternatives
  if (!best) return []
  const words = best.lexical.split(' ')
  const known = (locale.startsWith('en') && (await align(words, samples))) || shareOut(words, 0, samples.length)
  return alternatives.map((one) => ({ ...one, words: transferTimes(one.lexical.split(' '), known, samples.length) }))
}

/** Opens the aligner on first use, because most streams do not need it. */
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

/** After a failure the present words get rough times, and the next request tries again. */
function forgetAligner(error: Error) {
  console.error(`the aligner cannot be opened: ${error.message}`)
  aligner = undefined
  return undefined
}

/** Divides a range of samples among words by their numbers of letters. */
function shareOut(words: readonly string[], from: number, to: number): TimedWord[] {
  const letters = words.reduce((sum, word) => sum + word.length + 1, 0)
  let before = 0
  return words.map((word) => {
    const offset = from + Math.round(((to - from) * before) / letters)
    before += word.length + 1
    return { word, offset, duration: from + Math.round(((to - from) * before) / letters) - offset }
  })
}

/** The times of a text that partly differs from a text with known times: equal words at both ends keep their times. */
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
