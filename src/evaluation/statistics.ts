import { alignTexts } from '../decoding/word-errors.ts'
import type { EvaluatedItemRow, EvaluationResult, TestItemRow } from '../postgres/evaluation/evaluation-tables.ts'
import { inTurns } from './turns.ts'

/** The errors of one utterance. */
export interface UtteranceErrors {
  errors: number
  words: number
}

const resamples = 1_000
const maxConfusions = 50
/** The probability of a difference by chance below which it is significant. */
const significanceLevel = 0.05

export interface ScoredItem extends EvaluatedItemRow {
  item: Pick<TestItemRow, 'transcript' | 'byteLength' | 'sampleRate'>
}

const errorsOf = ({ substitutions, deletions, insertions }: EvaluatedItemRow) => substitutions + deletions + insertions
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

/** Adds up the recordings of an evaluation. */
export async function summarize(items: readonly ScoredItem[], locale: string): Promise<EvaluationResult> {
  const total = (of: (item: ScoredItem) => number) => sum(items.map(of))
  return {
    utterances: items.length,
    words: total(({ words }) => words),
    substitutions: total(({ substitutions }) => substitutions),
    deletions: total(({ deletions }) => deletions),
    insertions: total(({ insertions }) => insertions),
    sentenceErrors: items.filter((item) => errorsOf(item) > 0).length,
    interval: bootstrap(items.map((item) => ({ errors: errorsOf(item), words: item.words }))),
    audioSeconds: total(({ item }) => item.byteLength / 2 / item.sampleRate),
    recognitionSeconds: total(({ recognitionMs }) => recognitionMs) / 1000,
    confusions: await countConfusions(items, locale),
  }
}

/**
 * The 95 % interval of the word error rate: the 2.5th and 97.5th percentiles of the rates of 1,000 samples, each with as many
 * utterances, drawn with replacement (Bisani and Ney, 2004). The same utterances always have the same interval.
 */
export function bootstrap(utterances: readonly UtteranceErrors[]): { low: number; high: number } {
  const random = createRandom(1)
  const rates = Array.from({ length: resamples }, () => {
    let [errors, words] = [0, 0]
    for (let n = 0; n < utterances.length; n++) {
      const drawn = utterances[Math.floor(random() * utterances.length)] as UtteranceErrors
      errors += drawn.errors
      words += drawn.words
    }
    return errors / Math.max(1, words)
  }).sort((a, b) => a - b)
  return { low: rates[Math.floor(0.025 * (resamples - 1))] as number, high: rates[Math.ceil(0.975 * (resamples - 1))] as number }
}

/** The generator mulberry32, so that results can be repeated. */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The most frequent errors of the alignments. */
async function countConfusions(items: readonly ScoredItem[], locale: string): Promise<EvaluationResult['confusions']> {
  const counts = new Map<string, EvaluationResult['confusions'][number]>()
  for await (const one of inTurns(items)) {
    if (errorsOf(one) === 0) continue
    for (const { op, said, heard } of alignTexts(one.item.transcript, one.transcript, locale)) {
      if (op === 'CORRECT') continue
      const key = `${said ?? ''} ${heard ?? ''}`
      const known = counts.get(key) ?? { said, heard, times: 0 }
      known.times++
      counts.set(key, known)
    }
  }
  const inOrder = (a: string | null, b: string | null) => ((a ?? '') < (b ?? '') ? -1 : 1)
  return [...counts.values()].sort((a, b) => b.times - a.times || inOrder(a.said, b.said) || inOrder(a.heard, b.heard)).slice(0, maxConfusions)
}

/** The errors of two evaluations of the same utterances. */
export interface PairedErrors {
  a: UtteranceErrors
  b: UtteranceErrors
}

export interface MatchedPairs {
  /** The mean difference of the errors of an utterance, b minus a. */
  mean: number
  /** The mean divided by its standard error; 0 without a difference. */
  statistic: number
  /** The probability of such a difference, or a larger one, by chance. */
  pValue: number
  isSignificant: boolean
}

/**
 * The matched-pairs test of NIST (MAPSSWE; Gillick and Cox, 1989), two-sided, with utterances as segments: the mean
 * difference of the errors, divided by its standard error, is normally distributed if the difference is by chance.
 */
export function testMatchedPairs(pairs: readonly PairedErrors[]): MatchedPairs {
  const differences = pairs.map(({ a, b }) => b.errors - a.errors)
  const { mean, error } = describeMean(differences)
  const statistic = mean === 0 ? 0 : mean / error
  const pValue = mean === 0 ? 1 : Math.min(1, 2 * (1 - normal(Math.abs(statistic))))
  return { mean, statistic, pValue, isSignificant: pValue < significanceLevel }
}

/**
 * The confidence that the word error rate of b exceeds that of a by at most `maxIncrease`. The difference of the rates is a
 * ratio of sums over utterances, whose standard error is that of the sum of d - D w: d are the additional errors of an
 * utterance, w its words, and D the difference of the rates.
 */
export function confidenceNotWorse(pairs: readonly PairedErrors[], maxIncrease: number): number {
  const words = sum(pairs.map(({ a }) => a.words))
  if (words === 0) return 1
  const increase = sum(pairs.map(({ a, b }) => b.errors - a.errors)) / words
  const { error } = describeMean(pairs.map(({ a, b }) => b.errors - a.errors - increase * a.words))
  const ofRate = (error * pairs.length) / words
  return ofRate === 0 || pairs.length < 2 ? Number(increase <= maxIncrease) : normal((maxIncrease - increase) / ofRate)
}

/** The mean and its standard error. */
function describeMean(values: readonly number[]): { mean: number; error: number } {
  const count = values.length
  const mean = sum(values) / Math.max(1, count)
  const variance = sum(values.map((value) => (value - mean) ** 2)) / Math.max(1, count - 1)
  return { mean, error: Math.sqrt(variance / Math.max(1, count)) }
}

/** The distribution function of the standard normal distribution, to 7 digits (Abramowitz and Stegun, 26.2.17). */
export function normal(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x))
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
  const tail = density * t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return x >= 0 ? 1 - tail : tail
}
