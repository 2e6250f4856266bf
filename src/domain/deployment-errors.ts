import type { DeploymentRow, DeploymentStatus } from '../postgres/deployment-tables.ts'
import type { ModelRow } from '../postgres/tables.ts'
import { ExpectedError } from './errors.ts'

export type IncompatibilityReason = 'SCENARIO_MISMATCH' | 'LOCALE_MISMATCH'

interface Incompatible {
  reason: IncompatibilityReason
  acousticModel: ModelRow
  languageModel: ModelRow
  /** Acoustic models that are compatible with the language model. */
  compatibleAcousticModels: ModelRow[]
  /** Language models that are compatible with the acoustic model. */
  compatibleLanguageModels: ModelRow[]
}

export class IncompatibleModelsError extends ExpectedError {
  readonly code = 'MODELS_INCOMPATIBLE'
  readonly facts: Incompatible
  constructor(message: string, facts: Incompatible) {
    super(message, 'languageModelId')
    this.facts = facts
  }
}

export class DuplicateDeploymentNameError extends ExpectedError {
  readonly code = 'DUPLICATE_DEPLOYMENT_NAME'
  constructor(name: string, locale: string, { path, advice } = { path: 'name', advice: 'Choose another name.' }) {
    super(`A deployment named "${name}" already exists in ${locale}. ${advice} Names that differ only in case or in invisible characters are the same.`, path)
  }
}

export class DeploymentNotFoundError extends ExpectedError {
  readonly code = 'DEPLOYMENT_NOT_FOUND'
  constructor(message = 'No deployment has this id. List the deployments with the deployments query.') {
    super(message, 'id')
  }
}

export class StatusConflictError extends ExpectedError {
  readonly code = 'STATUS_CONFLICT'
  readonly status: DeploymentStatus
  constructor(status: DeploymentStatus, advice: string) {
    super(`The deployment is ${status}. ${advice}`)
    this.status = status
  }
}

export class SequenceMismatchError extends ExpectedError {
  readonly code = 'SEQUENCE_MISMATCH'
  readonly deployment: DeploymentRow
  constructor(deployment: DeploymentRow) {
    super(
      `The deployment has changed since the client read it. Its sequence is now ${deployment.sequence}. Read the deployment again before you change it.`,
      'ifSequence',
    )
    this.deployment = deployment
  }
}
