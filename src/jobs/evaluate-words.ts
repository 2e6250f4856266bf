import type { RecognizerModel } from '../decoding/recognizer-model.ts'
import { countWordErrors, maxComparedWords, toComparedWords, wordErrorRate } from '../decoding/word-errors.ts'
import { compareTranscripts, WordCounter } from '../evaluation/comparison.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { Evaluation, Scenario } from '../postgres/tables.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'
import { segmentationSettingsFor } from '../recognition/segmentation-settings.ts'
import type { TestRecording } from './test-recordings.ts'

/** The candidate weights of the language model. Of equally good ones, the first is chosen. */
export const weights = [0.5, 0.3, 0.7, 0.2] as const
/** The maximum number of recordings that choose the weight. */
const maxTuningRecordings = 60

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
    const heard = phrases.map(({ display }) => display).join(' ')
    if (toComparedWords(heard, context.locale).length > maxComparedWords) throw tooManyWords(recording)
    return heard
  }
  const count = ({ text }: TestRecording, heard: string) => countWordErrors(text, heard, context.locale)

  let best = { weight: weights[0] as number, errors: Number.POSITIVE_INFINITY }
  for (const weight of weights) {
    let errors = 0
    for (const recording of tuning) errors += count(recording, await hear(recording, context.weighted(weight))).errors
    if (errors < best.errors) best = { weight, errors }
  }

  const improved = new WordCounter()
  const worsened = new WordCounter()
  const before = []
  const after = []
  for (const recording of counted) {
    const plain = await hear(recording, context.base)
    const custom = await hear(recording, context.weighted(best.weight))
    before.push(count(recording, plain))
    after.push(count(recording, custom))
    const { won, lost } = compareTranscripts(recording.text, plain, custom, context.locale)
    improved.add(won)
    worsened.add(lost)
  }
  return {
    recordings: counted.length,
    words: before.reduce((sum, { words }) => sum + words, 0),
    before: wordErrorRate(before),
    after: wordErrorRate(after),
    weight: best.weight,
    improved: improved.mostFrequent(),
    worsened: worsened.mostFrequent(),
  }
}

/** A minute of speech has fewer words. A long written form of a pronunciation can exceed the limit. */
const tooManyWords = ({ name }: TestRecording) =>
  new JobFailure(
    'RECORDINGS_UNUSABLE',
    `The text recognized in ${name} has more than ${maxComparedWords.toLocaleString('en')} words. Shorten the written forms of the pronunciations.`,
    { isLasting: true },
  )
