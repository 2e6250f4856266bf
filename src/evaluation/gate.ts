import { wordErrorRate } from '../decoding/word-errors.ts'
import type { Gate } from '../postgres/evaluation/gate.ts'
import { pairItems, toPairedErrors } from './comparison.ts'
import { type EvaluatedItem, errorsOf } from './evaluation.ts'
import { confidenceNotWorse } from './statistics.ts'

/** A recording that explains a refusal. */
interface GateUtterance {
  number: number
  name: string
  errors: number
  /** The errors of the present models; null without them. */
  errorsBefore: number | null
}

interface GateFigures {
  wordErrorRate: number
  /** The rate of the present models; null without them. */
  wordErrorRateBefore: number | null
  /** The confidence that the increase is at most the allowed one; null without present models. */
  confidence: number | null
}

export type GateVerdict = GateFigures & { message: string } & ({ passes: true } | { passes: false; code: 'GATE_NOT_PASSED'; utterances: GateUtterance[] })

const maxUtterances = 10
const maxNamed = 3

/** The rounding of a difference of two rates must not refuse an increase that is exactly the limit. */
const rounding = 1e-9

const percent = (rate: number) => `${(rate * 100).toFixed(1)} %`

/** Judges the recordings of the new models by a gate, beside those of the present models, if there are any. */
export function judgeGate(gate: Gate, candidate: readonly EvaluatedItem[], baseline?: readonly EvaluatedItem[]): GateVerdict {
  const { maxWordErrorRate, maxIncrease, minConfidence } = gate
  const pairs = baseline && pairItems(baseline, candidate)
  const rate = rateOf(candidate)
  const before = pairs ? rateOf(pairs.map(({ a }) => a)) : null
  const confidence = pairs ? confidenceNotWorse(pairs.map(toPairedErrors), (maxIncrease ?? 0) + rounding) : null
  const refusals: string[] = []
  if (maxWordErrorRate != null && rate > maxWordErrorRate) refusals.push(`it exceeds the limit of ${percent(maxWordErrorRate)}`)
  if (maxIncrease != null && before !== null && rate - before > maxIncrease + rounding)
    refusals.push(`it exceeds that of the present models by ${percent(rate - before)}, and the limit is ${percent(maxIncrease)}`)
  if (minConfidence != null && confidence !== null && confidence < minConfidence)
    refusals.push(
      `the confidence that it is at most ${percent(maxIncrease ?? 0)} higher than that of the present models is ${percent(confidence)}, and ${percent(minConfidence)} is required`,
    )
  const figures = { wordErrorRate: rate, wordErrorRateBefore: before, confidence }
  const found = `The word error rate on the test set is ${percent(rate)}${before === null ? '' : `, that of the present models is ${percent(before)}`}`
  if (!refusals.length) return { ...figures, passes: true, message: `${found}.` }
  const utterances = findUtterances(candidate, baseline)
  const named = utterances.slice(0, maxNamed).map(({ name }) => name)
  const advice = named.length ? `Listen to ${named.join(', ')}, or compare the evaluations` : 'Compare the evaluations'
  const message = `${found}: ${refusals.join('; ')}. ${advice}, then improve the models or change the gate.`
  return { ...figures, passes: false, code: 'GATE_NOT_PASSED', message, utterances }
}

const rateOf = (items: readonly EvaluatedItem[]) => wordErrorRate(items.map((item) => ({ errors: errorsOf(item), words: item.words })))

/** The recordings with the most additional errors, or without present models those with the most errors. */
function findUtterances(candidate: readonly EvaluatedItem[], baseline: readonly EvaluatedItem[] = []): GateUtterance[] {
  const before = new Map(baseline.map((item) => [item.number, errorsOf(item)]))
  const utterances = candidate.map((item) => ({
    number: item.number,
    name: item.item.name,
    errors: errorsOf(item),
    errorsBefore: before.get(item.number) ?? null,
  }))
  const additional = ({ errors, errorsBefore }: GateUtterance) => errors - (errorsBefore ?? 0)
  return utterances
    .filter(({ errors }) => errors > 0)
    .sort((a, b) => additional(b) - additional(a) || b.errors - a.errors || a.number - b.number)
    .slice(0, maxUtterances)
}
