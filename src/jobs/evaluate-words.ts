import type { RecognizerModel } from '../decoding/recognizer-model.ts'
import { toSpokenWords } from '../decoding/spoken-words.ts'
import { countWordErrors, matchWords, maxComparedWords, wordErrorRate } from '../decoding/word-errors.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { Evaluation, Scenario } from '../postgres/tables.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'
import { segmentationSettingsFor } from '../recognition/segmentation-settings.ts'
import type { TestRecording } from './test-recordings.ts'

/** The candidate weights of the language model. Of equally good ones, the first is chosen. */
export const weights = [0.5, 0.3, 0.7, 0.2] as const
/** The maximum number of recordings that choose the weight. */
const maxTuningRecordings = 60
const maxListedWords = 50

interface EvaluationContext {
  recognizers: Recognizers
  scenario: Scenario
  locale: string
  /** The model without the custom language model. */
  base: RecognizerModel
  /** The model with the custom language model and this weight. */
  weighted: (weight: number) => RecognizerModel
  tell: (share: number, message: string) => void
  signal: AbortSignal
}

/**
 * Chooses the weight of the language model on every other recording, and counts the word errors without and with the
 * model on the rest. The recordings that choose the weight would make the model look better than it is.
 */
export async function evaluateWords(recordings: readonly TestRecording[], context: EvaluationContext): Promise<Evaluation> {
  const tuning = recordings.filter((_, n) => n % 2 === 0).slice(0, maxTuningRecordings)
  const counted = recordings.filter((_, n) => n % 2 === 1)
  const all = tuning.length * weights.length + counted.length * 2
  let done = 0
  const hear = async (recording: TestRecording, model: RecognizerModel) => {
    const listening = { ...segmentationSettingsFor(context.scenario, 'conversation'), firstPhraseOnly: false }
    const { phrases } = await context.recognizers.recognize({ model, audio: await recording.read(), mode: 'conversation', listening }, context.signal)
    context.tell(++done / all, `Recognizing recordings without and with the custom language model: ${done} of ${all}.`)
    const heard = say(phrases.map(({ display }) => display).join(' '))
    if (heard.split(' ').length > maxComparedWords) throw tooManyWords(recording)
    return heard
  }
  // "Press 1" and "press one" are equal.
  const say = (text: string) =>
    toSpokenWords(text, context.locale)
      .map(({ word }) => word)
      .join(' ')

  let best = { weight: weights[0] as number, errors: Number.POSITIVE_INFINITY }
  for (const weight of weights) {
    let errors = 0
    for (const recording of tuning) errors += countWordErrors(say(recording.text), await hear(recording, context.weighted(weight))).errors
    if (errors < best.errors) best = { weight, errors }
  }

  const improved = new Map<string, number>()
  const worsened = new Map<string, number>()
  const before = []
  const after = []
  for (const recording of counted) {
    const said = say(recording.text)
    const plain = await hear(recording, context.base)
    const custom = await hear(recording, context.weighted(best.weight))
    before.push(countWordErrors(said, plain))
    after.push(countWordErrors(said, custom))
    const heardBefore = matchWords(said, plain)
    for (const [n, { word, isHeard }] of matchWords(said, custom).entries()) {
      if (isHeard === heardBefore[n]?.isHeard) continue
      const words = isHeard ? improved : worsened
      words.set(word, (words.get(word) ?? 0) + 1)
    }
  }
  return {
    recordings: counted.length,
    words: before.reduce((sum, { words }) => sum + words, 0),
    before: wordErrorRate(before),
    after: wordErrorRate(after),
    weight: best.weight,
    improved: mostFrequent(improved),
    worsened: mostFrequent(worsened),
  }
}

/** A minute of speech has fewer words. A long written form of a pronunciation can exceed the limit. */
const tooManyWords = ({ name }: TestRecording) =>
  new JobFailure(
    'RECORDINGS_UNUSABLE',
    `The text recognized in ${name} has more than ${maxComparedWords.toLocaleString('en')} words. Shorten the written forms of the pronunciations.`,
    { isLasting: true },
  )

const mostFrequent = (words: ReadonlyMap<string, number>) =>
  [...words]
    .map(([word, times]) => ({ word, times }))
    .sort((a, b) => b.times - a.times || (a.word < b.word ? -1 : 1))
    .slice(0, maxListedWords)
