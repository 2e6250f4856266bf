import type { DeploymentRow, DeploymentStatus } from '../postgres/deployment-tables.ts'
import type { ModelRow } from '../postgres/tables.ts'
import { ExpectedError } from './errors.ts'

export type IncompatibilityReason = 'SCENARIO_MISMATCH' | 'LOCALE_MISMATCH'

interface Incompatible {
  reason: IncompatibilityReason
  acousticModel: ModelRow
  languageModel: ModelRow
  /** What would fit the chosen language model. */
  compatibleAcousticModels: ModelRow[]
  /** What would fit the chosen acoustic model. */
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
  constructor(name: string, locale: string) {
    super(
      `A deployment with the name "${name}" already exists in ${locale}. Choose another name; case and other differences that cannot be seen do not count.`,
      'name',
    )
  }
}

export class DeploymentNotFoundError extends ExpectedError {
  readonly code = 'DEPLOYMENT_NOT_FOUND'
  constructor() {
    super('There is no deployment with this id. List the ones there are with the deployments query.', 'id')
  }
}

export class StatusConflictError extends ExpectedError {
  readonly code = 'STATUS_CONFLICT'
  readonly status: DeploymentStatus
  constructor(status: DeploymentStatus, whatIsPossible: string) {
    super(`The deployment is ${status}. ${whatIsPossible}`)
    this.status = status
  }
}

export class SequenceMismatchError extends ExpectedError {
  readonly code = 'SEQUENCE_MISMATCH'
  readonly deployment: DeploymentRow
  constructor(deployment: DeploymentRow) {
    super(`The deployment has changed since it was read: its sequence is ${deployment.sequence}. Look at it again, then decide.`, 'ifSequence')
    this.deployment = deployment
  }
}
