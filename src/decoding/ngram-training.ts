import { Ngram } from './ngram.ts'
import { maxDifferent, NgramCounter } from './ngram-counts.ts'
import type { Rewrite, WordModel } from './ngram-file.ts'
import { type SpokenWord, toSpokenWords } from './spoken-words.ts'
import type { Background } from './word-frequencies.ts'

/** A phrase in the list beside the text counts as this number of lines. */
const phraseLines = 10
/** Every tenth line is held out from a second model, which measures the quality of the first. This number of words suffices. */
const heldOutEvery = 10
const heldOutWords = 1_000_000
const minHeldOut = 5
const shownWords = 50
/** The share of the text in a mixture with general speech. */
export const domainShare = 0.3

/** Figures of a trained model for its owner. */
export interface WordStatistics {
  sentences: number
  words: number
  vocabulary: number
  /** The number of words that the general list of the language lacks; null without such a list. */
  unknownWords: number | null
  /** Some of these words, the most frequent first. */
  unknownExamples: string[]
  /** The perplexity of a held-out tenth of the text under general speech and under a model of the rest; null for small texts. */
  perplexity: { general: number; custom: number } | null
}

export interface WordTraining {
  locale: string
  /** Undefined if the language has no list. */
  background: Background | undefined
  pronunciations: readonly Rewrite[]
  phrases: readonly string[]
}

/** Learns words and their order from lines of text. Equal lines give equal models. */
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

  /** Returns false for a line without pronounceable words. */
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

  /** Without a list of the language, the general probability of a word is its share of the text. */
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

  // The capital of the first word belongs to the sentence, and a line in capitals does not show the spelling of its words.
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

/** Bounds the memory for any text. */
const isKept = (words: ReadonlyMap<string, unknown>, word: string) => words.size < maxDifferent || words.has(word)

function replace(sentence: readonly string[], replaced: readonly string[], by: readonly string[]): string[] | undefined {
  const [first] = replaced
  let at = first === undefined ? -1 : sentence.indexOf(first)
  const result: string[] = []
  let from = 0
  while (at >= 0) {
    if (replaced.every((word, n) => sentence[at + n] === word)) {
      result.push(...sentence.slice(from, at), ...by)
      from = at + replaced.length
    }
    at = sentence.indexOf(first as string, Math.max(at + 1, from))
  }
  return from ? [...result, ...sentence.slice(from)] : undefined
}
