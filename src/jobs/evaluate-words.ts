import { toSpokenWords } from '../decoding/spoken-words.ts'
import type { RecognizerModel } from '../decoding/types.ts'
import { countWordErrors, matchWords, maxComparedWords, wordErrorRate } from '../decoding/word-errors.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { Evaluation, Scenario } from '../postgres/tables.ts'
import { segmentationSettingsFor } from '../recognition/segmentation-settings.ts'
import type { Recognizers } from '../recognition/types.ts'
import type { TestRecording } from './test-recordings.ts'

/** How much the words may count against the sound; of equally good ones, the first is taken. */
export const weights = [0.5, 0.3, 0.7, 0.2] as const
/** More recordings would not choose another weight. */
const maxToTune = 60
const shownWords = 50

interface EvaluationContext {
  recognizers: Recognizers
  scenario: Scenario
  locale: string
  /** Without the custom words. */
  base: RecognizerModel
  /** With them, under a weight. */
  weighted: (weight: number) => RecognizerModel
  tell: (share: number, message: string) => void
  signal: AbortSignal
}

/**
 * Chooses the words' weight on every other recording, then counts errors without and with them on the
 * rest: what was used to choose says nothing of what the choice is worth.
 */
export async function evaluateWords(recordings: readonly TestRecording[], context: EvaluationContext): Promise<Evaluation> {
  const tuning = recordings.filter((_, n) => n % 2 === 0).slice(0, maxToTune)
  const counted = recordings.filter((_, n) => n % 2 === 1)
  const all = tuning.length * weights.length + counted.length * 2
  let done = 0
  const hear = async (recording: TestRecording, model: RecognizerModel) => {
    const listening = { ...segmentationSettingsFor(context.scenario, 'conversation'), firstPhraseOnly: false }
    const { phrases } = await context.recognizers.recognize({ model, audio: await recording.read(), mode: 'conversation', listening }, context.signal)
    context.tell(++done / all, `Recognizing recordings without and with the custom words: ${done} of ${all}.`)
    const heard = say(phrases.map(({ display }) => display).join(' '))
    if (heard.split(' ').length > maxComparedWords) throw tooManyWords(recording)
    return heard
  }
  // "Press 1" and "press one" are the same.
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

/** Nobody says as much in a minute; what is written for a pronunciation may have made it so long. */
const tooManyWords = ({ name }: TestRecording) =>
  new JobFailure(
    'RECORDINGS_UNUSABLE',
    `The text recognized in ${name} has more than ${maxComparedWords.toLocaleString('en')} words. Shorten what is written for the pronunciations.`,
    { isLasting: true },
  )

const mostFrequent = (words: ReadonlyMap<string, number>) =>
  [...words]
    .map(([word, times]) => ({ word, times }))
    .sort((a, b) => b.times - a.times || (a.word < b.word ? -1 : 1))
    .slice(0, shownWords)
