/** The first ids do not stand for words of the text. */
export const unknownId = 0
export const endId = 1
export const beginId = 2
const firstWordId = 3

/** The most words; rarer ones count as unknown. Three such ids fit into one exact number. */
const maxWords = 200_000
/** The most different words that are counted; no language has more. New words beyond them count as unknown. */
export const maxDifferent = 1_000_000
/** Beyond this number of different triples, those with a count of 1 are dropped. */
const maxTriples = 5_000_000
const block = 4_000_000

/** The count of each different key, sorted by key. */
interface Counted {
  keys: Float64Array
  counts: Uint32Array
}

/** The ids that followed each history: `next[start[h]]` to `next[start[h + 1] - 1]`, ascending, with their counts. */
export interface Successors {
  start: Uint32Array
  next: Uint32Array
  count: Uint32Array
}

/** All counts of a text. The ids of words follow their spelling, so that words with the same beginning are neighbors. */
export interface NgramCounts {
  /** The words; the first has the id 3. */
  words: string[]
  /** The number of different words that precede each id. */
  continuation: Uint32Array
  pairs: Successors
  /** Histories of two ids, `first * ids + second`, ascending; the indices of `triples` refer to this array. */
  histories: Float64Array
  triples: Successors
}

export const idsOf = (words: { length: number }) => words.length + firstWordId
export const wordId = (index: number) => index + firstWordId
export const wordIndex = (id: number) => id - firstWordId

/** Collects sentences, and counts them all at the end by sorting, which needs little memory. */
export class NgramCounter {
  readonly #known = new Map<string, number>()
  readonly #frequencies: number[] = []
  #tokens = new Uint32Array(1 << 16)
  #length = 0

  add(words: readonly string[]) {
    for (const word of words) {
      const known = this.#known.get(word) ?? (this.#known.size >= maxDifferent ? unknownId : undefined)
      const id = known ?? this.#known.size + firstWordId
      if (known === undefined) this.#known.set(word, id)
      this.#frequencies[id] = (this.#frequencies[id] ?? 0) + 1
      this.#push(id)
    }
    this.#push(endId)
  }

  #push(id: number) {
    if (this.#length === this.#tokens.length) {
      const larger = new Uint32Array(this.#length * 2)
      larger.set(this.#tokens)
      this.#tokens = larger
    }
    this.#tokens[this.#length++] = id
  }

  finish(): NgramCounts {
    const words = this.#chooseWords()
    const ids = idsOf(words)
    const renamed = new Uint32Array(this.#known.size + firstWordId)
    renamed[endId] = endId
    for (const [index, word] of words.entries()) renamed[this.#known.get(word) as number] = wordId(index)
    const tokens = this.#tokens.subarray(0, this.#length).map((id) => renamed[id] as number)
    this.#tokens = new Uint32Array(0)
    this.#known.clear()

    const pairs = group(
      countKeys(tokens, (_, second, third) => second * ids + third),
      ids,
    )
    let triples = countKeys(tokens, (first, second, third) => (first * ids + second) * ids + third)
    if (triples.keys.length > maxTriples) triples = dropRare(triples)
    const grouped = group(triples, ids)

    const continuation = new Uint32Array(ids)
    for (const id of pairs.next) continuation[id] = (continuation[id] as number) + 1
    return { words, continuation, pairs: spread(pairs, ids), histories: grouped.histories, triples: grouped }
  }

  #chooseWords(): string[] {
    const all = [...this.#known.keys()]
    if (all.length > maxWords) {
      const frequency = (word: string) => this.#frequencies[this.#known.get(word) as number] as number
      all.sort((a, b) => frequency(b) - frequency(a) || (a < b ? -1 : 1))
      all.length = maxWords
    }
    return all.sort((a, b) => (a < b ? -1 : 1))
  }
}

function countKeys(tokens: Uint32Array, toKey: (first: number, second: number, third: number) => number): Counted {
  let all: Counted = { keys: new Float64Array(0), counts: new Uint32Array(0) }
  let first = beginId
  let second = beginId
  for (let from = 0; from < tokens.length; from += block) {
    const keys = new Float64Array(Math.min(block, tokens.length - from))
    for (let n = 0; n < keys.length; n++) {
      const third = tokens[from + n] as number
      keys[n] = toKey(first, second, third)
      first = third === endId ? beginId : second
      second = third === endId ? beginId : third
    }
    const counted = countSorted(keys.sort())
    all = all.keys.length ? merge(all, counted) : counted
  }
  return all
}

function countSorted(sorted: Float64Array): Counted {
  let different = 0
  for (let n = 0; n < sorted.length; n++) if (n === 0 || sorted[n] !== sorted[n - 1]) different++
  const keys = new Float64Array(different)
  const counts = new Uint32Array(different)
  let at = -1
  for (let n = 0; n < sorted.length; n++) {
    if (n === 0 || sorted[n] !== sorted[n - 1]) keys[++at] = sorted[n] as number
    counts[at] = (counts[at] as number) + 1
  }
  return { keys, counts }
}

function merge(a: Counted, b: Counted): Counted {
  const keys = new Float64Array(a.keys.length + b.keys.length)
  const counts = new Uint32Array(keys.length)
  let [i, j, length] = [0, 0, 0]
  while (i < a.keys.length || j < b.keys.length) {
    const left = a.keys[i] ?? Number.POSITIVE_INFINITY
    const right = b.keys[j] ?? Number.POSITIVE_INFINITY
    keys[length] = Math.min(left, right)
    let count = 0
    if (left <= right) count += a.counts[i++] as number
    if (right <= left) count += b.counts[j++] as number
    counts[length++] = count
  }
  return { keys: keys.slice(0, length), counts: counts.slice(0, length) }
}

function dropRare({ keys, counts }: Counted): Counted {
  const kept = (_: number, n: number) => (counts[n] as number) > 1
  return { keys: keys.filter(kept), counts: counts.filter((count) => count > 1) }
}

/** Splits keys into history and next id; equal histories are adjacent. */
function group({ keys, counts }: Counted, ids: number) {
  const next = new Uint32Array(keys.length)
  let different = 0
  for (let n = 0, last = -1; n < keys.length; n++) {
    const history = Math.floor((keys[n] as number) / ids)
    next[n] = (keys[n] as number) - history * ids
    if (history !== last) different++
    last = history
  }
  const histories = new Float64Array(different)
  const start = new Uint32Array(different + 1)
  for (let n = 0, at = -1; n < keys.length; n++) {
    const history = Math.floor((keys[n] as number) / ids)
    if (at >= 0 && histories[at] === history) continue
    histories[++at] = history
    start[at] = n
  }
  start[different] = keys.length
  return { histories, start, next, count: counts }
}

/** Indexes histories of one id by that id. */
function spread({ histories, start, next, count }: ReturnType<typeof group>, ids: number): Successors {
  const spreadStart = new Uint32Array(ids + 1)
  let place = 0
  for (let id = 0; id <= ids; id++) {
    while (place < histories.length && (histories[place] as number) < id) place++
    spreadStart[id] = start[place] as number
  }
  return { start: spreadStart, next, count }
}
