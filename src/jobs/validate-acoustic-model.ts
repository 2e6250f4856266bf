import { createWriteStream } from 'node:fs'
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { extractFiles } from '../artifacts/archive.ts'
import { hashFile } from '../artifacts/bring.ts'
import { openHttps } from '../artifacts/https-source.ts'
import { fetchPackage } from '../artifacts/npm-package.ts'
import { storedFile } from '../artifacts/source.ts'
import type { Artifacts } from '../artifacts/store.ts'
import type { Decoders } from '../audio/decoders.ts'
import { readRecording } from '../audio/read-recording.ts'
import { resample, toMonoFloat32 } from '../audio/resampler.ts'
import type { Config } from '../config.ts'
import type { AcousticFiles } from '../decoding/moonshine.ts'
import { countWordErrors, TooManyWordsError, wordErrorRate } from '../decoding/word-errors.ts'
import type { Service } from '../domain/context.ts'
import type { BuildingPayload } from '../lifecycle/job-definitions.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { Handler } from '../postgres/queue.ts'
import type { ModelRow } from '../postgres/tables.ts'
import { examineAcousticModel } from '../recognition/run-examiner.ts'
import { type ModelJobRun, modelHandler } from './model-job.ts'

interface Validation extends Service {
  artifacts: Artifacts
  decoders: Decoders
}

const maxArchiveBytes = 1e9
const maxFileBytes = 600e6
/** The maximum word error rate on the reference recording. A model that is trained for other speech can make some errors. */
const maxWordErrorRate = 0.5
const fileNames = { encoder: 'encoder_model.onnx', decoder: 'decoder_model_merged.onnx' }

//   QUEUED ─▶ FETCHING ─▶ CHECKING ─▶ VERIFYING ─▶ READY
//                 └───────────┴───────────┴──▶ FAILED; or again, when the failure is temporary
export function validateAcousticModelHandler(service: Validation, config: Pick<Config, 'artifacts' | 'recognition'>): Handler<BuildingPayload> {
  return modelHandler(service, { FETCHING: 0, CHECKING: 0.6, VERIFYING: 0.9 }, async (steps, { model, base }) => {
    const dir = await mkdtemp(join(tmpdir(), 'custom-speech-model-'))
    try {
      await steps.enter('FETCHING', 'Fetching the archive.')
      const archive = await bringArchive(service, config.artifacts, steps, model, join(dir, 'archive'))
      await steps.enter('CHECKING', 'Unpacking the archive and comparing the model with its base.')
      const files = await unpack(archive, dir, steps)
      const { text, milliseconds } = await examine(service, config.recognition, steps, { model, base, files })
      await steps.enter('VERIFYING', `The reference recording was recognized in ${Math.round(milliseconds)} ms: "${text}"`)
      checkTranscript(service, model, text)
      const kept = []
      for (const name of ['encoder', 'decoder'] as const) kept.push(storedFile(name, await service.artifacts.keep((path) => copyFile(files[name], path))))
      await steps.record({ status: 'READY', message: `Ready: the model recognized "${text}" in the reference recording.`, progress: 1, made: { files: kept } })
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  })
}

async function bringArchive({ artifacts }: Validation, sources: Config['artifacts'], steps: ModelJobRun, { recipe }: ModelRow, path: string): Promise<string> {
  const archive = recipe?.archive
  if (!archive) throw new Error('An acoustic model has no archive.')
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)
  if (archive.kind === 'UPLOAD') {
    const files = await artifacts.fetch({ files: [storedFile('archive', archive.file)] }, { signal: steps.signal })
    return files.archive ?? ''
  }
  if (archive.kind === 'NPM') {
    const arriving = (share: number) => steps.tell(share, `${Math.round(share * 100)} % of the package are fetched.`)
    await fetchPackage(archive.package, path, { npmRegistry: sources.npmRegistry, arriving, signal: steps.signal })
  } else {
    const response = await openHttps(archive.url, { privateSources: sources.privateSources, signal: steps.signal })
    const total = Number(response.headers['content-length'] ?? 0)
    let size = 0
    const counted = async function* (pieces: AsyncIterable<Buffer>) {
      for await (const piece of pieces) {
        size += piece.length
        if (size > maxArchiveBytes)
          throw refuse('ARCHIVE_TOO_LARGE', `The archive has more than ${maxArchiveBytes / 1e6} MB. Remove other files from the archive.`)
        steps.tell(total ? size / total : 0, `${megabytes(size)} MB${total ? ` of ${megabytes(total)} MB` : ''} are fetched.`)
        yield piece
      }
    }
    await pipeline(response, counted, createWriteStream(path), { signal: steps.signal }).catch((cause) => {
      if (cause instanceof JobFailure || steps.signal.aborted) throw cause
      throw new JobFailure('SOURCE_UNREACHABLE', 'The archive was not received completely. The download is repeated.', { isLasting: false, cause })
    })
  }
  const found = archive.sha256 && (await hashFile(path, () => {}, steps.signal))
  if (found && found !== archive.sha256)
    throw refuse(
      'ARTIFACT_CHECKSUM_MISMATCH',
      `The archive has the SHA-256 ${found}, but the request has ${archive.sha256}. Correct the SHA-256 or the source.`,
    )
  return path
}

async function unpack(archive: string, dir: string, steps: ModelJobRun): Promise<AcousticFiles> {
  const files = { encoder: join(dir, 'encoder'), decoder: join(dir, 'decoder') }
  const paths = { [fileNames.encoder]: files.encoder, [fileNames.decoder]: files.decoder }
  const written = await extractFiles({ archive, paths, by: 'NAME', maxFileBytes }, steps.signal)
  for (const [name, path] of Object.entries(files) as [keyof typeof fileNames, string][]) {
    if (!written.has(path)) throw refuse('ARCHIVE_INCOMPLETE', `The archive has no file ${fileNames[name]}. Pack both files of the model, each once.`)
  }
  return files
}

interface Examined {
  model: ModelRow
  base: ModelRow
  files: AcousticFiles
}

async function examine(
  service: Validation,
  recognition: Config['recognition'],
  steps: ModelJobRun,
  { model, base, files }: Examined,
): Promise<{ text: string; milliseconds: number }> {
  const { encoder = '', decoder = '' } = await service.artifacts.fetch(base, { signal: steps.signal })
  const audio = await readReference(service, model.locale, steps.signal)
  const found = await examineAcousticModel({ files, base: { encoder, decoder }, audio }, recognition, steps.signal)
  if (!found.ok) throw refuse('MODEL_UNUSABLE', `The model cannot be used: ${found.message}.`)
  const labels = { layers: 'layers', heads: 'attention heads', dimension: 'numbers in a head', vocabulary: 'tokens' } as const
  for (const [name, label] of Object.entries(labels) as [keyof typeof labels, string][]) {
    if (found.geometry[name] !== found.baseGeometry[name])
      throw refuse(
        'MODEL_SHAPE_MISMATCH',
        `The model has ${found.geometry[name]} ${label}, but its base model "${base.name}" has ${found.baseGeometry[name]}. Train the model from this base model, or choose the base model that it was trained from.`,
      )
  }
  return found
}

async function readReference({ catalog, decoders }: Validation, locale: string, signal: AbortSignal): Promise<Float32Array> {
  const reference = catalog.references.get(locale)
  if (!reference) throw refuse('REFERENCE_MISSING', `The catalog has no reference recording for ${locale}. Add one to the catalog.`)
  const { samples, sampleRate } = await readRecording(await readFile(reference.audioFile), { decoders, maxSeconds: 60, signal, warn() {} })
  return resample(toMonoFloat32(samples, 1), sampleRate)
}

/** The word error rate, 1 for a text that is too long to be compared. */
function wordErrorRateOf(expected: string, text: string, locale: string): number {
  try {
    return wordErrorRate([countWordErrors(expected, text, locale)])
  } catch (error) {
    if (error instanceof TooManyWordsError) return 1
    throw error
  }
}

function checkTranscript({ catalog }: Validation, { locale }: ModelRow, text: string) {
  const expected = catalog.references.get(locale)?.text ?? ''
  if (wordErrorRateOf(expected, text, locale) > maxWordErrorRate)
    throw refuse(
      'TRANSCRIPT_WRONG',
      `The model recognized "${text}" in the reference recording, which says "${expected}". Check that the encoder and the decoder belong together, and that the training succeeded.`,
    )
}

const refuse = (code: string, message: string) => new JobFailure(code, message, { isLasting: true })
