import type { DeploymentRow } from '../postgres/deployment-tables.ts'
import type { ModelRow, ModelStatus } from '../postgres/tables.ts'
import { ExpectedError } from './errors.ts'

export class ModelNotFoundError extends ExpectedError {
  readonly code = 'MODEL_NOT_FOUND'
  constructor(path: string, kind: string, message = `No ${kind} model has this id. List the models with the models query.`) {
    super(message, path)
  }
}

export class ModelNotReadyError extends ExpectedError {
  readonly code = 'MODEL_NOT_READY'
  readonly model: ModelRow
  constructor(model: ModelRow) {
    super(`The model "${model.name}" ${describeUnready(model)}`, model.kind === 'ACOUSTIC' ? 'acousticModelId' : 'languageModelId')
    this.model = model
  }
}

function describeUnready({ status, progress, failure }: ModelRow): string {
  if (status === 'FAILED') return `could not be built: ${failure?.message ?? 'no reason was recorded.'} Retry it with retryModel, or choose another model.`
  if (status === 'CANCELED') return 'was canceled before it was READY. Retry it with retryModel, or choose another model.'
  return `is still ${status} (${Math.round(progress * 100)} %). Subscribe to modelStatusChanged, and deploy the model when it is READY.`
}

export class LicenseNotAcceptedError extends ExpectedError {
  readonly code = 'LICENSE_NOT_ACCEPTED'
  readonly model: ModelRow
  constructor(model: ModelRow, path: string) {
    super(
      `The model "${model.name}" has the license ${model.license}, which the workspace must accept before a download. Read it at ${model.licenseUrl}, then accept it with acceptLicense.`,
      path,
    )
    this.model = model
  }
}

export class DuplicateModelNameError extends ExpectedError {
  readonly code = 'DUPLICATE_MODEL_NAME'
  /** The model that has the name. */
  readonly model: ModelRow
  constructor(model: ModelRow) {
    super(
      `A model of this kind named "${model.name}" already exists in ${model.locale}. Choose another name. Names that differ only in case or in invisible characters are the same.`,
      'name',
    )
    this.model = model
  }
}

export class ModelInUseError extends ExpectedError {
  readonly code = 'MODEL_IN_USE'
  readonly deployments: DeploymentRow[]
  /** A deployment can also hold the model in a revision that does not serve. */
  constructor(users: { deployment: DeploymentRow; revision?: number }[]) {
    const isOne = users.length === 1
    const names = users.map(({ deployment: { name }, revision }) => (revision === undefined ? `"${name}"` : `revision ${revision} of "${name}"`)).join(', ')
    super(`${isOne ? 'A deployment uses' : 'Deployments use'} the model: ${names}. Delete ${isOne ? 'the deployment' : 'the deployments'} first.`, 'id')
    this.deployments = users.map(({ deployment }) => deployment)
  }
}

export class ModelStatusConflictError extends ExpectedError {
  readonly code = 'MODEL_STATUS_CONFLICT'
  readonly status: ModelStatus
  constructor(status: ModelStatus, advice: string) {
    super(`The model is ${status}. ${advice}`)
    this.status = status
  }
}

export class ModelSequenceMismatchError extends ExpectedError {
  readonly code = 'MODEL_SEQUENCE_MISMATCH'
  readonly model: ModelRow
  constructor(model: ModelRow) {
    super(`The model has changed since the client read it. Its sequence is now ${model.sequence}. Read the model again before you change it.`, 'ifSequence')
    this.model = model
  }
}
