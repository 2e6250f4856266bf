import { withoutPaths } from '../sandbox/without-paths.ts'

/** What recognition needs of a deployment. */
export interface RecognizerModel {
  /** Under it the files stay loaded; custom words are light and share it. It is made of paths, and so not for clients. */
  id: string
  encoder: string
  decoder: string
  writing: string
  /** The words of a custom language model. */
  words?: string | undefined
  /** The acoustic model was brought by a user, and may do anything when it runs. */
  isCustom?: boolean
}

/** The model's files cannot be loaded or run; the message is for whoever deployed them. */
export class ModelUnusableError extends Error {
  override name = 'ModelUnusableError'
  constructor(message: string) {
    super(withoutPaths(message))
  }
}
