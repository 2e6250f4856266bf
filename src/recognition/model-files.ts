import type { Artifacts, ModelFiles } from '../artifacts/store.ts'
import { ModelUnusableError, type RecognizerModel } from '../decoding/recognizer-model.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'
import type { ModelRow } from '../postgres/tables.ts'
import { UnavailableError } from '../postgres/unavailable.ts'

interface ModelPair {
  acousticModel: ModelRow
  languageModel: ModelRow
}

/** Checks the files of both models and returns them for a recognizer. */
export async function openRecognizerModel(artifacts: Artifacts, { acousticModel, languageModel }: ModelPair, log?: Log): Promise<RecognizerModel> {
  const [acoustic, language] = await Promise.all([artifacts.open(acousticModel), artifacts.open(languageModel)]).catch((error) => {
    throw explainFailure(error, log)
  })
  return { ...toRecognizerModel(acoustic, language), isCustom: acousticModel.workspaceId !== null }
}

/** The failures that are the same on every machine: the files are lost, or are not those of the model. */
const ofModel = new Set(['ARTIFACT_MISSING', 'ARTIFACT_CHECKSUM_MISMATCH', 'ARTIFACT_SIZE_MISMATCH'])

/** All other failures, such as a full disk, are those of this machine or pass. */
function explainFailure(error: unknown, log: Log | undefined): unknown {
  if (!(error instanceof JobFailure)) return error
  if (ofModel.has(error.code)) return new ModelUnusableError(error.message)
  if (log) limitLog(log).error({ reason: error }, 'model files cannot be opened on this machine', error.code)
  return new UnavailableError('SERVICE_UNAVAILABLE', `The model's files cannot be opened at the moment: ${error.message}`, { cause: error })
}

/** The SHA-256 of the files of a model that take memory in a recognizer. */
export const toLoadedFiles = ({ files }: ModelRow): string[] => files.filter(({ name }) => name === 'encoder' || name === 'words').map(({ sha256 }) => sha256)

/** Deployments that differ only in custom words get the same id, and so share the loaded files. */
export function toRecognizerModel(acoustic: ModelFiles, language: ModelFiles): RecognizerModel {
  const { encoder, decoder } = acoustic
  const { writing, words } = language
  if (!encoder || !decoder) throw new ModelUnusableError('The acoustic model has no encoder or no decoder. Export it again with both.')
  if (!writing) throw new ModelUnusableError('The language model has no writing rules. Train it again, or choose another.')
  return { id: `${encoder}+${decoder}+${writing}`, encoder, decoder, writing, words }
}
