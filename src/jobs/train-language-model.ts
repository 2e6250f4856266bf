import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FileStore } from '../artifacts/file-ports.ts'
import { storedFile, storeSource } from '../artifacts/source.ts'
import type { Artifacts, ModelFiles } from '../artifacts/store.ts'
import type { Decoders } from '../audio/decoders.ts'
import type { RecognizerModel } from '../decoding/recognizer-model.ts'
import type { Service } from '../domain/context.ts'
import type { BuildingPayload } from '../lifecycle/job-definitions.ts'
import { explainTask, JobFailure } from '../lifecycle/job-failure.ts'
import type { Handler } from '../postgres/queue.ts'
import type { ArtifactFile, Evaluation, ModelRow, StoredFile, TextStatistics } from '../postgres/tables.ts'
import { toRecognizerModel } from '../recognition/model-files.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'
import { trainWords } from '../recognition/run-trainer.ts'
import { weighWords } from '../recognition/word-files.ts'
import { evaluateWords, weights } from './evaluate-words.ts'
import { type ModelJobRun, type ModelToBuild, modelHandler } from './model-job.ts'
import { readTestRecordings } from './test-recordings.ts'

interface Training extends Service {
  artifacts: Artifacts
  files: FileStore
  decoders: Decoders
  recognizers: Recognizers
}

//   QUEUED ─▶ TRAINING ─▶ EVALUATING, if there are recordings ─▶ READY
//                 └────────────┴──▶ FAILED; or again in another worker, when this one crashes or stops
export function trainLanguageModelHandler(service: Training): Handler<BuildingPayload> {
  return modelHandler(service, { TRAINING: 0, EVALUATING: 0.6 }, async (steps, wanted) => {
    const dir = await mkdtemp(join(tmpdir(), 'custom-speech-training-'))
    try {
      await build(service, steps, wanted, dir)
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  })
}

async function build(service: Training, steps: ModelJobRun, { model, base, text }: ModelToBuild, dir: string): Promise<void> {
  await steps.enter('TRAINING', 'Reading the text.')
  const modelFile = join(dir, 'words')
  const statistics = await train(service, steps, model, text, modelFile, dir)

  let evaluation: Evaluation | undefined
  const { recordings } = model.recipe ?? {}
  if (recordings) {
    await steps.enter('EVALUATING', 'Recognizing the recordings.')
    evaluation = await evaluate(service, steps, { base, recordings, modelFile, dir })
    await weighWords(modelFile, [{ weight: evaluation.weight, file: modelFile }], steps.signal)
  }
  const words = await service.artifacts.keep((path) => copyFile(modelFile, path))
  const files = [...(await keepBase(service, steps, base)), storedFile('words', words)]
  await steps.record({ status: 'READY', message: describe(statistics, evaluation), progress: 1, made: { files, statistics, evaluation: evaluation ?? null } })
}

/** The model keeps the files of its base model, which can leave the catalog. */
async function keepBase({ artifacts, files }: Training, { signal }: ModelJobRun, base: ModelRow): Promise<ArtifactFile[]> {
  const paths = await artifacts.fetch(base, { signal })
  for (const file of base.files) await files.write(file, paths[file.name] ?? '', signal)
  return base.files.map((file) => ({ ...file, sources: [...file.sources, storeSource] }))
}

async function train(
  { artifacts }: Training,
  steps: ModelJobRun,
  model: ModelRow,
  text: string | null,
  modelFile: string,
  dir: string,
): Promise<TextStatistics> {
  const { pronunciations = [], phrases = [], text: uploaded } = model.recipe ?? {}
  const textFile = uploaded ? ((await fetchStored(artifacts, uploaded, steps.signal)).file ?? '') : join(dir, 'text')
  if (!uploaded) await writeFile(textFile, text ?? '')
  const size = Math.max(1, uploaded?.size ?? Buffer.byteLength(text ?? ''))
  const tell = ({ bytes, lines }: { bytes: number; lines: number }) =>
    steps.tell((0.8 * bytes) / size, `${lines.toLocaleString('en')} lines read.${bytes >= size ? ' Counting word sequences.' : ''}`)
  return trainWords({ textFile, locale: model.locale, pronunciations, phrases, modelFile }, { tell, signal: steps.signal }).catch((error) => {
    if (error.code === 'ENOSPC') throw new JobFailure('DISK_FULL', 'The disk is full. Free space, then retry.', { isLasting: true })
    throw explainTask(error, 'TEXT_UNUSABLE', 'The text', 'Use less text, or fewer pronunciations.')
  })
}

interface TrainedModel {
  base: ModelRow
  recordings: StoredFile
  modelFile: string
  dir: string
}

async function evaluate(service: Training, steps: ModelJobRun, { base, recordings, modelFile, dir }: TrainedModel): Promise<Evaluation> {
  const { artifacts, recognizers, decoders, catalog } = service
  const zip = (await fetchStored(artifacts, recordings, steps.signal)).file ?? ''
  const unpacked = join(dir, 'recordings')
  await mkdir(unpacked)
  const spoken = await readTestRecordings(zip, { dir: unpacked, locale: base.locale, decoders, signal: steps.signal })
  const acoustic = catalog.models.find(({ kind, locale, scenario }) => kind === 'ACOUSTIC' && locale === base.locale && scenario === base.scenario)
  if (!acoustic)
    throw new JobFailure(
      'NO_ACOUSTIC_MODEL',
      'The catalog has no base acoustic model of this locale and scenario, which the evaluation needs. Add one to the catalog.',
      { isLasting: true },
    )
  const [acousticFiles, languageFiles] = [await artifacts.fetch(acoustic, steps), await artifacts.fetch(base, steps)]
  const plain = toRecognizerModel(acousticFiles, languageFiles)
  const weighted = new Map<number, RecognizerModel>()
  const context = {
    recognizers,
    scenario: base.scenario,
    locale: base.locale,
    base: plain,
    weighted: (weight: number) => weighted.get(weight) as RecognizerModel,
    tell: (share: number, message: string) => steps.tell(share, message),
    signal: steps.signal,
  }
  const files = weights.map((weight) => ({ weight, file: join(dir, `words-${weight}`) }))
  await weighWords(modelFile, files, steps.signal)
  for (const { weight, file } of files) weighted.set(weight, { ...plain, words: file })
  return evaluateWords(spoken, context)
}

const fetchStored = (artifacts: Artifacts, file: StoredFile, signal: AbortSignal): Promise<ModelFiles> =>
  artifacts.fetch({ files: [storedFile('file', file)] }, { signal })

function describe({ lines, skippedLines, vocabulary }: TextStatistics, evaluation: Evaluation | undefined): string {
  const learned = `Ready: ${vocabulary.toLocaleString('en')} different words from ${lines.toLocaleString('en')} lines${skippedLines ? `, of which ${skippedLines.toLocaleString('en')} were skipped` : ''}.`
  if (!evaluation) return learned
  const [before, after] = [evaluation.before, evaluation.after].map((rate) => `${(rate * 100).toFixed(1)} %`)
  if (evaluation.after > evaluation.before)
    return `${learned} IT MAKES RECOGNITION WORSE: on ${evaluation.recordings} recordings ${before} of the words were wrong without the model, ${after} are with it. Use other text.`
  return `${learned} On ${evaluation.recordings} recordings ${before} of the words were wrong without the model, ${after} are with it.`
}
