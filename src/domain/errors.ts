import type { ModelRow } from '../postgres/tables.ts'

/**
 * A refusal that a caller must expect: returned as a value, never thrown, and shown as it is.
 * The code is for programs, the message for people; it says what to do next.
 */
export abstract class ExpectedError {
  abstract readonly code: string
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

export interface FieldError {
  /** The input field, nested ones joined by dots. */
  path: string
  message: string
}

export class ValidationError extends ExpectedError {
  readonly code = 'VALIDATION_FAILED'
  readonly fieldErrors: FieldError[]
  constructor(fieldErrors: FieldError[]) {
    super(`Correct ${fieldErrors.map((error) => error.path).join(', ')} and try again.`)
    this.fieldErrors = fieldErrors
  }
}

export class ModelNotFoundError extends ExpectedError {
  readonly code = 'MODEL_NOT_FOUND'
  readonly path: string
  constructor(path: string, kind: string) {
    super(`There is no ${kind} model with this id. List the ones there are with the models query.`)
    this.path = path
  }
}

export type IncompatibilityReason = 'SCENARIO_MISMATCH' | 'LOCALE_MISMATCH'

export class IncompatibleModelsError extends ExpectedError {
  readonly code = 'MODELS_INCOMPATIBLE'
  readonly reason: IncompatibilityReason
  readonly acousticModel: ModelRow
  readonly languageModel: ModelRow
  /** What would fit the chosen language model. */
  readonly compatibleAcousticModels: ModelRow[]
  /** What would fit the chosen acoustic model. */
  readonly compatibleLanguageModels: ModelRow[]
  constructor(
    message: string,
    facts: Pick<IncompatibleModelsError, 'reason' | 'acousticModel' | 'languageModel' | 'compatibleAcousticModels' | 'compatibleLanguageModels'>,
  ) {
    super(message)
    this.reason = facts.reason
    this.acousticModel = facts.acousticModel
    this.languageModel = facts.languageModel
    this.compatibleAcousticModels = facts.compatibleAcousticModels
    this.compatibleLanguageModels = facts.compatibleLanguageModels
  }
}

export class DuplicateDeploymentNameError extends ExpectedError {
  readonly code = 'DUPLICATE_DEPLOYMENT_NAME'
  readonly path = 'name'
  constructor(name: string, locale: string) {
    super(`There already is a deployment named "${name}" for ${locale}. Choose another name; case does not count.`)
  }
}

export class DeploymentNotFoundError extends ExpectedError {
  readonly code = 'DEPLOYMENT_NOT_FOUND'
  constructor() {
    super('There is no deployment with this id. List the ones there are with the deployments query.')
  }
}

export class InvalidCursorError extends ExpectedError {
  readonly code = 'INVALID_CURSOR'
  constructor() {
    super('This cursor did not come from this list. Use one that the server sent, or leave it out to start at the beginning.')
  }
}

export class InvalidPageError extends ExpectedError {
  readonly code = 'INVALID_PAGE'
}
