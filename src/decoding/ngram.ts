import { beginId, endId, idsOf, type NgramCounts, type Successors, wordId } from './ngram-counts.ts'

/** What is taken from each count and given to what was never seen (absolute discounting: Ney, Essen, Kneser, 1994). */
const discount = 0.75

/** The last two ids before a word. */
export interface History {
  first: number
  second: number
}

export const atBeginning: History = { first: beginId, second: beginId }

/** How likely words are after others, as learned from a text. */
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

  /** Undefined for a word that the text does not have. */
  idOf(word: string): number | undefined {
    const index = lowerBound(this.counts.words, word)
    return this.counts.words[index] === word ? wordId(index) : undefined
  }

  /** The ids of words that begin like this: from the first to before the second. */
  idsWith(beginning: string): [number, number] {
    const { words } = this.counts
    return [wordId(lowerBound(words, beginning)), wordId(lowerBound(words, `${beginning}\uffff`))]
  }

  /** Sums to 1 over all ids that can follow: the words, the unknown one, and the end. */
  probability({ first, second }: History, id: number): number {
    const { pairs, triples, histories } = this.counts
    let result = this.single(id)
    result = interpolate(pairs, second, this.#pairTotals, id, result)
    const place = find(histories, first * idsOf(this.counts.words) + second, 0, histories.length)
    return place < 0 ? result : interpolate(triples, place, this.#tripleTotals, id, result)
  }

  /** Without a history: after how many different words it came, of all there are (Kneser, Ney, 1995). */
  single(id: number): number {
    return (this.counts.continuation[id] ?? 0) / this.#continuations
  }

  /** Ids from `low` to before `high` that have followed the history, at most `most` of them; undefined if there are more. */
  successors({ first, second }: History, low: number, high: number, most: number): number[] | undefined {
    const { pairs, triples, histories } = this.counts
    // Whatever followed both words has followed the second.
    const found = range(pairs, second, low, high)
    if (found[1] - found[0] <= most) return [...pairs.next.subarray(...found)]
    const place = find(histories, first * idsOf(this.counts.words) + second, 0, histories.length)
    if (place < 0) return undefined
    const narrow = range(triples, place, low, high)
    return narrow[1] - narrow[0] <= most ? [...triples.next.subarray(...narrow)] : undefined
  }

  /** Probabilities of a whole sentence's words and of its end. */
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

/** Where the id range begins and ends among a history's successors. */
function range({ start, next }: Successors, history: number, low: number, high: number): [number, number] {
  const [from, to] = [start[history] ?? 0, start[history + 1] ?? 0]
  const first = lowerBound(next, low, from, to)
  return [first, lowerBound(next, high, first, to)]
}

function find(sorted: ArrayLike<number>, value: number, from: number, to: number): number {
  const place = lowerBound(sorted, value, from, to)
  return place < to && sorted[place] === value ? place : -1
}

/** The first place whose value is not less. */
function lowerBound<T extends number | string>(sorted: ArrayLike<T>, value: T, from = 0, to = sorted.length): number {
  let [low, high] = [from, to]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as T) < value) low = middle + 1
    else high = middle
  }
  return low
}
