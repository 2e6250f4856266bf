import type { Artifacts, ModelFiles } from '../artifacts/store.ts'
import { ModelUnusableError, type RecognizerModel } from '../decoding/recognizer-model.ts'
import type { ModelRow } from '../postgres/tables.ts'

interface ModelPair {
  acousticModel: ModelRow
  languageModel: ModelRow
}

/** Checks the files of both models and returns them for a recognizer. */
export async function openRecognizerModel(artifacts: Artifacts, { acousticModel, languageModel }: ModelPair): Promise<RecognizerModel> {
  const [acoustic, language] = await Promise.all([artifacts.open(acousticModel), artifacts.open(languageModel)])
  return { ...toRecognizerModel(acoustic, language), isCustom: acousticModel.workspaceId !== null }
}

/** Deployments that differ only in custom words get the same id, and so share the loaded files. */
export function toRecognizerModel(acoustic: ModelFiles, language: ModelFiles): RecognizerModel {
  const { encoder, decoder } = acoustic
  const { writing, words } = language
  if (!encoder || !decoder) throw new ModelUnusableError('The acoustic model has no encoder or no decoder. Export it again with both.')
  if (!writing) throw new ModelUnusableError('The language model has no writing rules. Train it again, or choose another.')
  return { id: `${encoder}+${decoder}+${writing}`, encoder, decoder, writing, words }
}
