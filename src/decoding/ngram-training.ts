import { Ngram } from './ngram.ts'
import { maxDifferent, NgramCounter } from './ngram-counts.ts'
import type { Rewrite, WordModel } from './ngram-file.ts'
import { type SpokenWord, toSpokenWords } from './spoken-words.ts'
import type { Background } from './word-frequencies.ts'

/** A phrase that is listed beside the text counts as this many lines of it. */
const phraseLines = 10
/** Every tenth line is held out from a second model, to see what the first is worth; so many words are enough for that. */
const heldOutEvery = 10
const heldOutWords = 1_000_000
const minHeldOut = 5
const shownWords = 50
/** The share of the text's own word in a mixture with speech in general. */
export const domainShare = 0.3

/** What is known of a trained model, for whoever gave the text. */
export interface WordStatistics {
  sentences: number
  words: number
  vocabulary: number
  /** Words of the text that the language's general list does not have; null where there is no such list. */
  unknownWords: number | null
  /** Some of them, the most frequent first. */
  unknownExamples: string[]
  /** How surprising a held-out tenth of the text is, to speech in general and to a model of the rest; null for small texts. */
  perplexity: { general: number; custom: number } | null
}

export interface WordTraining {
  locale: string
  /** Undefined where the language has no list. */
  background: Background | undefined
  pronunciations: readonly Rewrite[]
  phrases: readonly string[]
}

/** Learns words and their order from lines of text. The same lines always give the same model. */
export class WordTrainer {
  readonly #training: WordTraining
  readonly #all = new NgramCounter()
  readonly #most = new NgramCounter()
  readonly #heldOut: string[][] = []
  readonly #frequency = new Map<string, number>()
  readonly #forms = new Map<string, Map<string, number>>()
  readonly #spokenForms: { written: string[]; spoken: string[] }[]
  #sentences = 0
  #words = 0

  constructor(training: WordTraining) {
    this.#training = training
    this.#spokenForms = training.pronunciations.map(({ spoken, written }) => ({ written: this.#say(written), spoken: this.#say(spoken) }))
    for (const phrase of [...training.phrases, ...training.pronunciations.map(({ spoken }) => spoken)]) {
      const words = toSpokenWords(phrase, training.locale)
      if (!words.length) continue
      this.#noteForms(words)
      for (let n = 0; n < phraseLines; n++) this.#learn(words.map(({ word }) => word))
    }
  }

  /** Answers false for a line without a word that can be said. */
  add(line: string): boolean {
    const words = toSpokenWords(line, this.#training.locale)
    if (!words.length) return false
    this.#noteForms(words)
    const sentence = words.map(({ word }) => word)
    this.#learn(sentence)
    for (const { written, spoken } of this.#spokenForms) {
      const said = replace(sentence, written, spoken)
      if (said) this.#learn(said)
    }
    return true
  }

  finish(): { model: WordModel; statistics: WordStatistics } {
    const { locale, pronunciations } = this.#training
    const perplexity = this.#measure()
    const counts = this.#all.finish()
    const ngram = new Ngram(counts)
    const general = this.#general(ngram)
    const background = Float32Array.from(counts.words, (word) => general(word).probability)
    const unknown = this.#training.background ? counts.words.filter((word) => !general(word).isKnown) : undefined
    const often = (word: string) => this.#frequency.get(word) ?? 0
    return {
      model: { locale, counts, background, pronunciations: [...pronunciations], written: this.#chooseForms() },
      statistics: {
        sentences: this.#sentences,
        words: this.#words,
        vocabulary: counts.words.length,
        unknownWords: unknown?.length ?? null,
        unknownExamples: (unknown ?? []).sort((a, b) => often(b) - often(a) || (a < b ? -1 : 1)).slice(0, shownWords),
        perplexity,
      },
    }
  }

  #say(text: string): string[] {
    return toSpokenWords(text, this.#training.locale).map(({ word }) => word)
  }

  #learn(sentence: string[]) {
    this.#all.add(sentence)
    this.#sentences++
    this.#words += sentence.length
    for (const word of sentence) if (isKept(this.#frequency, word)) this.#frequency.set(word, (this.#frequency.get(word) ?? 0) + 1)
    if (this.#words > heldOutWords) return
    if (this.#sentences % heldOutEvery === 0) this.#heldOut.push(sentence)
    else this.#most.add(sentence)
  }

  /** Where there is no list of the language, words are as likely in general as they are in the text by themselves. */
  #general(ngram: Ngram): Background {
    const share = (word: string) => ngram.single(ngram.idOf(word) ?? 0)
    return this.#training.background ?? ((word) => ({ probability: Math.max(3e-6, share(word)), isKnown: true }))
  }

  #measure(): WordStatistics['perplexity'] {
    if (this.#heldOut.length < minHeldOut || !this.#training.background) return null
    const ngram = new Ngram(this.#most.finish())
    const general = this.#general(ngram)
    let [words, generalBits, customBits] = [0, 0, 0]
    for (const sentence of this.#heldOut) {
      const probabilities = [...ngram.walk(sentence.map((word) => ngram.idOf(word)))]
      for (const [n, word] of sentence.entries()) {
        const { probability } = general(word)
        words++
        generalBits -= Math.log2(probability)
        customBits -= Math.log2((1 - domainShare) * (probabilities[n] as number) + domainShare * probability)
      }
    }
    return { general: 2 ** (generalBits / words), custom: 2 ** (customBits / words) }
  }

  // A line's first word has a capital for that alone, and a line all in capitals says nothing of its words.
  #noteForms(words: readonly SpokenWord[]) {
    if (words.length > 1 && words.every(({ written }) => written === written.toUpperCase())) return
    for (const [n, { word, written }] of words.entries()) {
      if (n === 0 && written.slice(1) === word.slice(1)) continue
      if (!isKept(this.#forms, word)) continue
      const forms = this.#forms.get(word) ?? new Map<string, number>()
      this.#forms.set(word, forms.set(written, (forms.get(written) ?? 0) + 1))
    }
  }

  #chooseForms(): [string, string][] {
    const chosen: [string, string][] = []
    for (const [word, forms] of this.#forms) {
      const [best] = [...forms].sort(([a, x], [b, y]) => y - x || (a === word ? -1 : b === word ? 1 : a < b ? -1 : 1))
      if (best && best[0] !== word) chosen.push([word, best[0]])
    }
    return chosen.sort(([a], [b]) => (a < b ? -1 : 1))
  }
}

/** Memory stays bounded, whatever the text is. */
const isKept = (words: ReadonlyMap<string, unknown>, word: string) => words.size < maxDifferent || words.has(word)

function replace(sentence: readonly string[], what: readonly string[], by: readonly string[]): string[] | undefined {
  const [first] = what
  let at = first === undefined ? -1 : sentence.indexOf(first)
  const replaced: string[] = []
  let from = 0
  while (at >= 0) {
    if (what.every((word, n) => sentence[at + n] === word)) {
      replaced.push(...sentence.slice(from, at), ...by)
      from = at + what.length
    }
    at = sentence.indexOf(first as string, Math.max(at + 1, from))
  }
  return from ? [...replaced, ...sentence.slice(from)] : undefined
}
