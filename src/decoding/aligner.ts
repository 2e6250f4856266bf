import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import createModule, { type Decoder } from 'soundswallower'
import { sampleRate } from '../audio/pcm.ts'
import type { TimedWord } from './alternative.ts'

/** Aligns the words of one phrase with its samples. Offsets count from the first sample. */
export interface Aligner {
  align(words: readonly string[], audio: Float32Array): TimedWord[] | undefined
  /** True if so many words were learned that a new aligner should replace this one, because words are never removed. */
  readonly isFull: boolean
  close(): void
}

const maxLearned = 5000

/** Opens a small aligner of English. It takes some 30 MB, and tenths of a second to open. */
export async function openAligner(): Promise<Aligner> {
  const module = await createModule()
  const models = join(dirname(createRequire(import.meta.url).resolve('soundswallower')), 'model')
  const decoder = new module.Decoder({ loglevel: 'FATAL', samprate: sampleRate, hmm: join(models, 'en-us') })
  await decoder.initialize()
  let learned = 0
  return {
    align(words, audio) {
      const unknown = [...new Set(words)].filter((word) => !decoder.lookup_word(word))
      learned += unknown.length
      return align(decoder, words, unknown, audio)
    },
    get isFull() {
      return learned > maxLearned
    },
    close: () => decoder.delete(),
  }
}

function align(decoder: Decoder, words: readonly string[], unknown: readonly string[], audio: Float32Array): TimedWord[] | undefined {
  try {
    if (unknown.length) decoder.add_words(...unknown.map((word): [string, string] => [word, guessSounds(word)]))
    decoder.set_align_text(words.join(' '))
    decoder.start()
    decoder.process_audio(audio, false, true)
    decoder.stop()
    const found = (decoder.get_alignment().w ?? []).filter(({ t }) => !/^[<[(]/.test(t))
    if (found.length !== words.length) return undefined
    return found.map(({ b, d }, place) => ({ word: words[place] as string, offset: Math.round(b * sampleRate), duration: Math.round(d * sampleRate) }))
  } catch {
    // No alignment exists: the audio is too short for the words, or too different.
    return undefined
  }
}

/** The usual sounds of English letters, longest first, which suffice to place a word that the dictionary lacks. */
const sounds: [string, string][] = Object.entries({
  tch: 'CH',
  sh: 'SH',
  ch: 'CH',
  th: 'TH',
  ph: 'F',
  ng: 'NG',
  ck: 'K',
  qu: 'K W',
  ee: 'IY',
  ea: 'IY',
  oo: 'UW',
  ou: 'AW',
  ow: 'OW',
  ai: 'EY',
  ay: 'EY',
  oa: 'OW',
  er: 'ER',
  ar: 'AA R',
  or: 'AO R',
  a: 'AE',
  b: 'B',
  c: 'K',
  d: 'D',
  e: 'EH',
  f: 'F',
  g: 'G',
  h: 'HH',
  i: 'IH',
  j: 'JH',
  k: 'K',
  l: 'L',
  m: 'M',
  n: 'N',
  o: 'AA',
  p: 'P',
  q: 'K',
  r: 'R',
  s: 'S',
  t: 'T',
  u: 'AH',
  v: 'V',
  w: 'W',
  x: 'K S',
  y: 'IY',
  z: 'Z',
  0: 'Z IH R OW',
  1: 'W AH N',
  2: 'T UW',
  3: 'TH R IY',
  4: 'F AO R',
  5: 'F AY V',
  6: 'S IH K S',
  7: 'S EH V AH N',
  8: 'EY T',
  9: 'N AY N',
})

function guessSounds(word: string): string {
  const guessed: string[] = []
  for (let at = 0; at < word.length; ) {
    const [letters = word[at] ?? '', sound] = sounds.find(([one]) => word.startsWith(one, at)) ?? []
    if (sound) guessed.push(sound)
    at += letters.length
  }
  return guessed.join(' ') || 'AH'
}
