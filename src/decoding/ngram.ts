import { beginId, endId, idsOf, type NgramCounts, type Successors, wordId } from './ngram-counts.ts'

/** The part of each count that goes to unseen successors (absolute discounting: Ney, Essen, Kneser, 1994). */
const discount = 0.75

/** The last two ids before a word. */
export interface History {
  first: number
  second: number
}

export const atBeginning: History = { first: beginId, second: beginId }

/** The probabilities of words after others, learned from a text. */
export class Ngram {
  readonly counts: NgramCounts
  readonly #pairTotals: Uint32Array
  readonly #tripleTotals: Uint32Array
  readonly #continuations: number

  constructor(counts: NgramCounts) {
    this.counts = counts
    this.#pairTotals = totals(counts.pairs)
    this.#tripleTotals = totals(counts.triples)
    this.#continuations = Math.max(1, counts.pairs.next.length)
  }

  /** Undefined for a word that the text lacks. */
  idOf(word: string): number | undefined {
    const index = lowerBound(this.counts.words, word)
    return this.counts.words[index] === word ? wordId(index) : undefined
  }

  /** The range of ids, end excluded, of the words with this beginning. */
  idsWith(beginning: string): [number, number] {
    const { words } = this.counts
    return [wordId(lowerBound(words, beginning)), wordId(lowerBound(words, `${beginning}\uffff`))]
  }

  /** The probability of an id after a history. The sum over all words, the unknown one and the end is 1. */
  probability({ first, second }: History, id: number): number {
    const { pairs, triples, histories } = this.counts
    let result = this.single(id)
    result = interpolate(pairs, second, this.#pairTotals, id, result)
    const place = find(histories, first * idsOf(this.counts.words) + second, 0, histories.length)
    return place < 0 ? result : interpolate(triples, place, this.#tripleTotals, id, result)
  }

  /** The probability without a history: the share of all different pairs that end with the id (Kneser, Ney, 1995). */
  single(id: number): number {
    return (this.counts.continuation[id] ?? 0) / this.#continuations
  }

  /** Ids from `low` to before `high` that have followed the history, at most `most` of them; undefined if there are more. */
  successors({ first, second }: History, low: number, high: number, most: number): number[] | undefined {
    const { pairs, triples, histories } = this.counts
    // Every successor of both words is a successor of the second.
    const found = range(pairs, second, low, high)
    if (found[1] - found[0] <= most) return [...pairs.next.subarray(...found)]
    const place = find(histories, first * idsOf(this.counts.words) + second, 0, histories.length)
    if (place < 0) return undefined
    const narrow = range(triples, place, low, high)
    return narrow[1] - narrow[0] <= most ? [...triples.next.subarray(...narrow)] : undefined
  }

  /** The probabilities of the words of a sentence and of its end. */
  *walk(words: readonly (number | undefined)[]): Generator<number> {
    let history = atBeginning
    for (const id of [...words, endId]) {
      yield id === undefined ? 0 : this.probability(history, id)
      history = { first: history.second, second: id ?? 0 }
    }
  }
}

function interpolate({ start, next, count }: Successors, history: number, total: Uint32Array, id: number, lower: number): number {
  const [from, to] = [start[history] as number, start[history + 1] as number]
  if (from === undefined || to === undefined || from === to) return lower
  const all = total[history] as number
  const place = find(next, id, from, to)
  const seen = place < 0 ? 0 : (count[place] as number) - discount
  return (seen + discount * (to - from) * lower) / all
}

function totals({ start, count }: Successors): Uint32Array {
  const sums = new Uint32Array(Math.max(0, start.length - 1))
  for (let history = 0; history < sums.length; history++) {
    for (let n = start[history] as number; n < (start[history + 1] as number); n++) sums[history] = (sums[history] as number) + (count[n] as number)
  }
  return sums
}

/** The range of the ids among the successors of a history. */
function range({ start, next }: Successors, history: number, low: number, high: number): [number, number] {
  const [from, to] = [start[history] ?? 0, start[history + 1] ?? 0]
  const first = lowerBound(next, low, from, to)
  return [first, lowerBound(next, high, first, to)]
}

function find(sorted: ArrayLike<number>, value: number, from: number, to: number): number {
  const place = lowerBound(sorted, value, from, to)
  return place < to && sorted[place] === value ? place : -1
}

/** The first index whose value is not less. */
function lowerBound<T extends number | string>(sorted: ArrayLike<T>, value: T, from = 0, to = sorted.length): number {
  let [low, high] = [from, to]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as T) < value) low = middle + 1
    else high = middle
  }
  return low
}
