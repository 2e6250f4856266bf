import { sampleRate } from '../audio/pcm.ts'
import { commonBeginning } from './common-beginning.ts'
import type { Fusion } from './fusion.ts'
import type { Moonshine } from './moonshine.ts'
import { beginsWord, continueWords, endToken, spell } from './tokens.ts'

/** The fastest speech. A decoder that writes more tokens repeats itself. */
const tokensPerSecond = 6.5
/** The number of candidates of each beam for the next step. */
const offered = 12
/**
 * A beam can end only if the end is about as likely as the likeliest continuation. Sums of logarithms favor short
 * texts, so without this margin the best text would often be cut off, or empty.
 */
const endMargin = 1
/** The length of the first reported beginning, and the growth until the next: about half a second and a second of speech. */
const beginningCharacters = { first: 6, more: 12 }

export interface Decoding {
  text: string
  /** 0 to 1, the geometric mean of the tokens' probabilities. */
  confidence: number
}

const maxTokens = (audio: Float32Array) => Math.ceil((audio.length / sampleRate) * tokensPerSecond) + 6

/** Receives ever longer beginnings of the text, each of complete words. */
export type BeginningListener = (text: string) => void

/** Follows only the likeliest token at each step, which is fast and gives one result. */
export async function decodeGreedily(acoustic: Moonshine, audio: Float32Array, begun?: BeginningListener): Promise<Decoding> {
  const report = begun && reportBeginnings(begun)
  const decoder = await acoustic.hear(audio)
  const tokens: number[] = []
  let logProbability = 0
  let logits = await decoder.begin()
  for (let left = maxTokens(audio); left > 0; left--) {
    const token = likeliest(logits)
    logProbability += (logits[token] as number) - logSum(logits, logits[token] as number)
    if (token === endToken) break
    tokens.push(token)
    report?.(tokens)
    logits = await decoder.step([token], [0])
  }
  return { text: spell(tokens), confidence: confidenceOf(logProbability, tokens.length) }
}

/** Reports the words before the last token when that token begins a word, at the distances of {@link beginningCharacters}. */
function reportBeginnings(begun: BeginningListener): (tokens: readonly number[]) => void {
  let minLength = beginningCharacters.first
  return (tokens) => {
    if (!beginsWord(tokens.at(-1) as number)) return
    const text = spell(tokens.slice(0, -1))
    if (text.length < minLength) return
    minLength = text.length + beginningCharacters.more
    begun(text)
  }
}

/** Passes on only the words on which two successive beginnings agree, because the best beam can change. */
function reportAgreed(begun: BeginningListener): BeginningListener {
  let previous: string[] = []
  return (text) => {
    const words = text.split(' ')
    const agreed = commonBeginning(previous, words)
    previous = words
    if (agreed.length) begun(agreed.join(' '))
  }
}

interface Beam<State> {
  tokens: number[]
  /** The text without case and punctuation. */
  words: string
  logProbability: number
  /** The sum that the fusion adds. */
  bonus: number
  state: State
}

interface Candidate<State> extends Beam<State> {
  parent: number
  token: number
  score: number
}

/** The most texts that are followed, and their largest distance from the best one in logarithms of probability. */
export interface Width {
  most: number
  spread?: number
}

/**
 * Follows several likely texts at once, which differ in more than case and punctuation. The result has the best first.
 * A fusion adjusts the probabilities of the acoustic model.
 */
export async function decodeBeams<State>(
  acoustic: Moonshine,
  audio: Float32Array,
  { most, spread = Number.POSITIVE_INFINITY }: Width,
  fusion: Fusion<State>,
  begun?: BeginningListener,
): Promise<Decoding[]> {
  const report = begun && reportBeginnings(reportAgreed(begun))
  const decoder = await acoustic.hear(audio)
  const done = new Map<string, Candidate<State>>()
  let beams: Beam<State>[] = [{ tokens: [], words: '', logProbability: 0, bonus: 0, state: fusion.start }]
  let logits = await decoder.begin()
  for (let left = maxTokens(audio); left > 0; left--) {
    const size = logits.length / beams.length
    const candidates = beams.flatMap((beam, parent) => offer(beam, parent, logits.subarray(parent * size, (parent + 1) * size), fusion))
    beams = choose(candidates, beams, { most, spread }, done)
    if (!beams.length || isDecided(done, beams, most)) break
    report?.(beams[0]?.tokens ?? [])
    logits = await decoder.step(
      beams.map(({ tokens }) => tokens.at(-1) as number),
      (beams as Candidate<State>[]).map(({ parent }) => parent),
    )
  }
  const texts = done.size ? [...done.values()] : beams.map((beam) => ({ ...beam, score: scoreOf(beam) }))
  return texts
    .sort((a, b) => b.score - a.score)
    .map(({ tokens, logProbability }) => ({ text: spell(tokens), confidence: confidenceOf(logProbability, tokens.length) }))
}

/** Selects the best candidates to continue, and adds those that end to `done`. */
function choose<State>(
  candidates: Candidate<State>[],
  beams: readonly Beam<State>[],
  { most, spread }: Width,
  done: Map<string, Candidate<State>>,
): Candidate<State>[] {
  candidates.sort((a, b) => b.score - a.score)
  const worst = (candidates[0]?.score ?? 0) - (spread ?? 0)
  const chosen = new Map<string, Candidate<State>>()
  for (const candidate of candidates) {
    if (chosen.size === most || candidate.score < worst) break
    const { tokens, words } = beams[candidate.parent] as Beam<State>
    if (candidate.token !== endToken) {
      candidate.words = continueWords(words, candidate.token)
      if (!chosen.has(candidate.words)) chosen.set(candidate.words, candidate)
    } else if (candidate.score > (done.get(words.trim())?.score ?? Number.NEGATIVE_INFINITY)) {
      done.set(words.trim(), { ...candidate, tokens, words })
    }
  }
  return [...chosen.values()]
}

/** True if no open beam can change the result by much, because scores only fall. */
function isDecided<State>(done: ReadonlyMap<string, Candidate<State>>, beams: readonly Beam<State>[], most: number): boolean {
  const live = Math.max(...beams.map(scoreOf))
  const finished = [...done.values()].map(({ score }) => score)
  return finished.filter((score) => score >= live).length >= most || Math.max(Number.NEGATIVE_INFINITY, ...finished) >= live + hopeless
}

/** The distance from a finished beam at which an open beam is abandoned. */
const hopeless = 3
const scoreOf = <State>({ logProbability, bonus }: Beam<State>) => logProbability + bonus

function offer<State>(beam: Beam<State>, parent: number, logits: Float32Array, fusion: Fusion<State>): Candidate<State>[] {
  const top = likeliestOf(logits, offered)
  const best = logits[top[0] as number] as number
  const sum = logSum(logits, best)
  const candidates: Candidate<State>[] = []
  for (const token of top) {
    const logit = logits[token] as number
    if (token === endToken && logit < best - endMargin) continue
    const { state, score } = fusion.step(beam.state, token)
    const logProbability = beam.logProbability + logit - sum
    const bonus = beam.bonus + score
    candidates.push({ parent, token, tokens: [...beam.tokens, token], words: '', logProbability, bonus, state, score: logProbability + bonus })
  }
  return candidates
}

const confidenceOf = (logProbability: number, tokens: number) => Math.exp(logProbability / (tokens + 1))

function likeliest(logits: Float32Array): number {
  let token = 0
  let best = Number.NEGATIVE_INFINITY
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i] as number
    if (value > best) {
      best = value
      token = i
    }
  }
  return token
}

/** The logarithm of the sum of all exponentials; values far below the best are ignored. */
function logSum(logits: Float32Array, best: number): number {
  let sum = 0
  for (let i = 0; i < logits.length; i++) {
    const below = (logits[i] as number) - best
    if (below > -16) sum += Math.exp(below)
  }
  return best + Math.log(sum)
}

/** The indices of the greatest values, greatest first. */
function likeliestOf(logits: Float32Array, count: number): number[] {
  const places: number[] = []
  let least = Number.NEGATIVE_INFINITY
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i] as number
    if (value <= least) continue
    let at = places.length
    while (at > 0 && (logits[places[at - 1] as number] as number) < value) at--
    places.splice(at, 0, i)
    if (places.length > count) places.pop()
    if (places.length === count) least = logits[places[count - 1] as number] as number
  }
  return places
}
