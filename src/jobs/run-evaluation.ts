import { type FileHandle, open } from 'node:fs/promises'
import { storedFile } from '../artifacts/source.ts'
import type { Artifacts } from '../artifacts/store.ts'
import type { RecognizerModel } from '../decoding/recognizer-model.ts'
import { countWordErrors, TooManyWordsError, wordErrorRate } from '../decoding/word-errors.ts'
import type { Service } from '../domain/context.ts'
import { type EvaluationToRun, findEvaluationToRun, listAllEvaluated, listUnevaluated, recordEvaluatedItem } from '../evaluation/evaluation.ts'
import { type EvaluationChange, type EvaluationClaim, evaluating, evaluationLifecycle, evaluationTopic } from '../evaluation/evaluation-lifecycle.ts'
import { summarize } from '../evaluation/statistics.ts'
import type { EvaluatingPayload } from '../lifecycle/job-definitions.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { EvaluationResult, EvaluationStage, TestItemRow } from '../postgres/evaluation/evaluation-tables.ts'
import type { Handler } from '../postgres/queue.ts'
import type { ModelRow, Scenario } from '../postgres/tables.ts'
import { toRecognizerModel } from '../recognition/model-files.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'
import { segmentationSettingsFor } from '../recognition/segmentation-settings.ts'
import { claimedHandler } from './claimed-job.ts'
import { type JobRun, RunEndedError } from './job-run.ts'
import { countRecordings } from './recordings-limits.ts'

export interface Evaluating extends Service {
  artifacts: Artifacts
  recognizers: Recognizers
}

/** The steps of an evaluation, in its job or in that of a gate. */
type EvaluationRun = Pick<JobRun<EvaluationStage, EvaluationChange>, 'signal' | 'enter' | 'tell' | 'record'>

/** The time after which a recording that waits for a recognizer is reported. */
const waitingMs = 2_000

export const evaluationJob = {
  key: 'evaluationId',
  claims: evaluating,
  lifecycle: evaluationLifecycle,
  topicOf: evaluationTopic,
  atWork: 'RUNNING',
  stageBegins: { FETCHING: 0, RECOGNIZING: 0.02 },
  interrupted: {
    code: 'EVALUATION_INTERRUPTED',
    message: 'The workers of this evaluation were interrupted too often. Create the evaluation again. If it fails again, read the log of the server.',
  },
} as const

//   QUEUED ─▶ FETCHING ─▶ RECOGNIZING ─▶ COMPLETE
//                └────────────┴──▶ FAILED; or on in another worker, when this one crashes or stops
export function runEvaluationHandler(service: Evaluating): Handler<EvaluatingPayload> {
  return claimedHandler(service, evaluationJob, (steps, claim, progressed) => evaluate(service, steps, claim, progressed))
}

/** Recognizes the recordings that earlier runs have not, and records the result. Calls `progressed` after each recording. */
export async function evaluate(service: Evaluating, steps: EvaluationRun, claim: EvaluationClaim & { run: number }, progressed = () => {}): Promise<void> {
  const found = await findEvaluationToRun(service, claim.evaluationId)
  if (!found) throw new RunEndedError()
  const { testSet, evaluation } = found
  await steps.enter('FETCHING', 'Fetching the models and the recordings.')
  const { model, scenario } = await fetchModels(service, found, steps.signal)
  if (!testSet.audio) throw new Error('A READY test set has no audio.')
  const { audio: path = '' } = await service.artifacts.fetch({ files: [storedFile('audio', testSet.audio)] }, { signal: steps.signal })
  const left = await listUnevaluated(service, evaluation)
  let done = testSet.items - left.length
  const report = (more = '') => `Recognizing recordings: ${done} of ${testSet.items}.${more}`
  await steps.enter('RECOGNIZING', report())
  const file = await open(path)
  try {
    for (const item of left) {
      const waits = () => steps.tell((done + 0.001) / testSet.items, report(' Waiting for capacity that clients leave.'))
      const heard = await recognize(service, { file, item, model, scenario, waits }, steps.signal)
      const counts = countErrors(item, heard.transcript, testSet.locale)
      const isOurs = await recordEvaluatedItem(service, claim, { evaluationId: evaluation.id, number: item.number, ...heard, ...counts })
      if (!isOurs) throw new RunEndedError()
      progressed()
      steps.tell(++done / testSet.items, report())
    }
  } finally {
    await file.close()
  }
  const result = await summarize(await listAllEvaluated(service, evaluation.id), testSet.locale)
  await steps.record({ status: 'COMPLETE', message: describe(result), progress: 1, result })
}

async function fetchModels({ artifacts }: Evaluating, { acousticModel, languageModel }: EvaluationToRun, signal: AbortSignal) {
  if (!acousticModel || !languageModel)
    throw new JobFailure('MODEL_DELETED', 'A model of this evaluation was deleted. Create an evaluation with other models.', { isLasting: true })
  const fetch = (model: ModelRow) => artifacts.fetch(model, { signal })
  const model = toRecognizerModel(await fetch(acousticModel), await fetch(languageModel))
  return { model: { ...model, isCustom: acousticModel.workspaceId !== null }, scenario: languageModel.scenario }
}

interface Recording {
  file: FileHandle
  item: TestItemRow
  model: RecognizerModel
  scenario: Scenario
  /** Called when the recording has waited for a while. */
  waits: () => void
}

async function recognize({ recognizers }: Evaluating, { file, item, model, scenario, waits }: Recording, signal: AbortSignal) {
  const samples = Buffer.alloc(item.byteLength)
  const { bytesRead } = await file.read(samples, 0, item.byteLength, item.byteOffset)
  if (bytesRead < item.byteLength) throw new Error(`The audio of ${item.name} is incomplete.`)
  const listening = { ...segmentationSettingsFor(scenario, 'conversation'), firstPhraseOnly: false }
  const audio = { samples, sampleRate: item.sampleRate, channels: 1 }
  const waiting = setTimeout(waits, waitingMs)
  const admitted = () => clearTimeout(waiting)
  try {
    const { phrases, elapsedMs } = await recognizers.recognize({ model, audio, mode: 'conversation', listening, admitted }, signal)
    return { transcript: phrases.map(({ display }) => display).join(' '), recognitionMs: elapsedMs }
  } finally {
    clearTimeout(waiting)
  }
}

function countErrors({ name, transcript: reference }: TestItemRow, transcript: string, locale: string) {
  try {
    const { words, substitutions, deletions, insertions } = countWordErrors(reference, transcript, locale)
    return { words, substitutions, deletions, insertions }
  } catch (error) {
    if (!(error instanceof TooManyWordsError)) throw error
    const message = `The text recognized in ${name} ${error.message}. Shorten the written forms of the pronunciations.`
    throw new JobFailure('RECORDINGS_UNUSABLE', message, { isLasting: true })
  }
}

function describe({ utterances, words, substitutions, deletions, insertions }: EvaluationResult): string {
  const rate = wordErrorRate([{ errors: substitutions + deletions + insertions, words }])
  return `Complete: ${(rate * 100).toFixed(1)} % of ${words.toLocaleString('en')} words in ${countRecordings(utterances)} were wrong.`
}
