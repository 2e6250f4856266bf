import { atBeginning, type History, Ngram } from './ngram.ts'
import { unknownId, wordId, wordIndex } from './ngram-counts.ts'
import type { WordModel } from './ngram-file.ts'
import { domainShare } from './ngram-training.ts'
import { toSpokenWords } from './spoken-words.ts'

/** The largest bonus of a word, in natural logarithms. */
const maxBonus = 6
/** The share of the best possible bonus that an unfinished word receives in advance. */
const creditShare = 0.8
/** A deduction for words that are likely without context, because they can be unlikely in it. */
const contextDoubt = 1
/** A beginning that more words share is rated without their history. */
const maxSuccessors = 400
const maxRemembered = 50_000

/** The position of a hypothesis in the language model. */
export interface WordState {
  history: History
  /** The letters of the unfinished word. */
  part: string
  /** The bonus that it received in advance. */
  credit: number
}

/**
 * Rates growing hypotheses by the words of a custom language model, piece by piece
 * (shallow fusion: Gülçehre et al., 2015). The bonus of a word is its probability in the text relative to general speech.
 * A word that the text lacks costs next to nothing, so that other speech is recognized as before.
 */
export class WordFusion {
  readonly initial: WordState = { history: atBeginning, part: '', credit: 0 }
  readonly #ngram: Ngram
  readonly #background: Float32Array
  readonly #locale: string
  /** The best bonus without a history, of each word and of ranges of words, as a binary tree. */
  readonly #best: Float32Array
  readonly #remembered = new Map<string, number>()

  constructor(model: WordModel) {
    this.#ngram = new Ngram(model.counts)
    this.#background = model.background
    this.#locale = model.locale
    this.#best = this.#rank(model)
  }

  /** Rates the next piece of text of a hypothesis; a space in it ends a word. */
  step(state: WordState, piece: string): { bonus: number; state: WordState } {
    let { history, part, credit } = state
    let bonus = 0
    for (const [, letters, other] of piece.toLowerCase().matchAll(/([\p{L}\p{M}\p{N}'\u2019]+)|([^\p{L}\p{M}\p{N}'\u2019]+)/gu)) {
      if (letters) part += letters
      else if (other && part) {
        const finished = this.#finish(history, part)
        bonus += finished.bonus - credit
        history = finished.history
        part = ''
        credit = 0
      }
    }
    const expected = part ? this.#expect(history, part) : 0
    return { bonus: bonus + expected - credit, state: { history, part, credit: expected } }
  }

  /** Rates the last word at the end of the text. */
  end({ history, part, credit }: WordState): number {
    return part ? this.#finish(history, part).bonus - credit : 0
  }

  /** The probability of the word here relative to general speech; a mixture, so that no word is impossible. */
  bonus(history: History, id: number | undefined): number {
    if (id === undefined || id === unknownId) return Math.log(1 - domainShare)
    return this.#weigh(this.#ngram.probability(history, id), id)
  }

  #weigh(probability: number, id: number): number {
    return Math.min(maxBonus, Math.log((domainShare * probability) / (this.#background[wordIndex(id)] ?? 1) + 1 - domainShare))
  }

  #finish(history: History, part: string): { bonus: number; history: History } {
    let bonus = 0
    for (const { word } of toSpokenWords(part, this.#locale)) {
      const id = this.#ngram.idOf(word)
      bonus += this.bonus(history, id)
      history = { first: history.second, second: id ?? unknownId }
    }
    return { bonus, history }
  }

  #expect(history: History, part: string): number {
    if (/\p{N}/u.test(part)) return 0
    const key = `${history.first} ${history.second} ${part}`
    const known = this.#remembered.get(key)
    if (known !== undefined) return known
    const [low, high] = this.#ngram.idsWith(part.replaceAll('\u2019', "'"))
    let best = Math.max(Math.log(1 - domainShare), this.#bestBetween(wordIndex(low), wordIndex(high)) - contextDoubt)
    for (const id of this.#ngram.successors(history, low, high, maxSuccessors) ?? []) best = Math.max(best, this.bonus(history, id))
    const credit = best > 0 ? best * creditShare : best
    if (this.#remembered.size >= maxRemembered) this.#remembered.clear()
    this.#remembered.set(key, credit)
    return credit
  }

  #rank({ counts }: WordModel): Float32Array {
    const size = counts.words.length
    const tree = new Float32Array(2 * size)
    for (let n = 0; n < size; n++) tree[size + n] = this.#weigh(this.#ngram.single(wordId(n)), wordId(n))
    for (let n = size - 1; n > 0; n--) tree[n] = Math.max(tree[2 * n] as number, tree[2 * n + 1] as number)
    return tree
  }

  #bestBetween(from: number, to: number): number {
    const size = this.#best.length / 2
    let best = Number.NEGATIVE_INFINITY
    for (let low = from + size, high = to + size; low < high; low >>= 1, high >>= 1) {
      if (low & 1) best = Math.max(best, this.#best[low++] as number)
      if (high & 1) best = Math.max(best, this.#best[--high] as number)
    }
    return best
  }
}
