import { withoutPaths } from '../sandbox/without-paths.ts'

/** The files and properties of a deployment's models that recognition needs. */
export interface RecognizerModel {
  /** Identifies the loaded files, custom words excepted. It contains paths and must not reach clients. */
  id: string
  encoder: string
  decoder: string
  writing: string
  /** The file of a custom language model. */
  words?: string | undefined
  /** True for a user's acoustic model, which is not trusted. */
  isCustom?: boolean
}

/** The files of a model cannot be loaded or run. The message is for the owner of the deployment. */
export class ModelUnusableError extends Error {
  override name = 'ModelUnusableError'
  constructor(message: string) {
    super(withoutPaths(message))
  }
}
