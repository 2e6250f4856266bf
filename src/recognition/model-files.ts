import type { Artifacts, ModelFiles } from '../artifacts/store.ts'
import { ModelUnusableError, type RecognizerModel } from '../decoding/recognizer-model.ts'
import type { ModelRow } from '../postgres/tables.ts'

interface ModelPair {
  acousticModel: ModelRow
  languageModel: ModelRow
}

/** The files of both models, checked, as a recognizer takes them. */
export async function openRecognizerModel(artifacts: Artifacts, { acousticModel, languageModel }: ModelPair): Promise<RecognizerModel> {
  const [acoustic, language] = await Promise.all([artifacts.open(acousticModel), artifacts.open(languageModel)])
  return { ...toRecognizerModel(acoustic, language), isCustom: acousticModel.workspaceId !== null }
}

/** Deployments with the same files, but for custom words, get the same id, and so share what is loaded. */
export function toRecognizerModel(acoustic: ModelFiles, language: ModelFiles): RecognizerModel {
  const { encoder, decoder } = acoustic
  const { writing, words } = language
  if (!encoder || !decoder) throw new ModelUnusableError('The acoustic model lacks its encoder or its decoder.')
  if (!writing) throw new ModelUnusableError('The language model lacks its writing rules.')
  return { id: `${encoder}+${decoder}+${writing}`, encoder, decoder, writing, words }
}
