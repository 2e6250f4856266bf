import type { DeploymentRow } from '../postgres/deployment-tables.ts'
import type { ModelRow, ModelStatus } from '../postgres/tables.ts'
import { ExpectedError } from './errors.ts'

export class ModelNotFoundError extends ExpectedError {
  readonly code = 'MODEL_NOT_FOUND'
  constructor(path: string, kind: string) {
    super(`There is no ${kind} model with this id. List the ones there are with the models query.`, path)
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
  if (status === 'FAILED') return `could not be built: ${failure?.message ?? 'for no recorded reason'} Try it again with retryModel, or choose another one.`
  if (status === 'CANCELED') return 'was canceled before it was built. Try it again with retryModel, or choose another one.'
  return `is still ${status} (${Math.round(progress * 100)} %). Watch it with modelStatusChanged, and deploy it when it is READY.`
}

export class LicenseNotAcceptedError extends ExpectedError {
  readonly code = 'LICENSE_NOT_ACCEPTED'
  readonly model: ModelRow
  constructor(model: ModelRow, path: string) {
    super(
      `The model "${model.name}" comes under the license ${model.license}, which has to be accepted before anything is downloaded. Read it at ${model.licenseUrl}, then accept it with acceptLicense.`,
      path,
    )
    this.model = model
  }
}

export class DuplicateModelNameError extends ExpectedError {
  readonly code = 'DUPLICATE_MODEL_NAME'
  /** The one that has the name. */
  readonly model: ModelRow
  constructor(model: ModelRow) {
    super(
      `A model of this kind with the name "${model.name}" already exists in ${model.locale}. Choose another name; case and other differences that cannot be seen do not count.`,
      'name',
    )
    this.model = model
  }
}

export class ModelInUseError extends ExpectedError {
  readonly code = 'MODEL_IN_USE'
  readonly deployments: DeploymentRow[]
  constructor(deployments: DeploymentRow[]) {
    const names = deployments.map(({ name }) => `"${name}"`).join(', ')
    super(
      `The model is part of ${deployments.length === 1 ? 'a deployment' : 'deployments'}: ${names}. Delete ${deployments.length === 1 ? 'it' : 'them'} first.`,
      'id',
    )
    this.deployments = deployments
  }
}

export class ModelStatusConflictError extends ExpectedError {
  readonly code = 'MODEL_STATUS_CONFLICT'
  readonly status: ModelStatus
  constructor(status: ModelStatus, whatIsPossible: string) {
    super(`The model is ${status}. ${whatIsPossible}`)
    this.status = status
  }
}

export class ModelSequenceMismatchError extends ExpectedError {
  readonly code = 'MODEL_SEQUENCE_MISMATCH'
  readonly model: ModelRow
  constructor(model: ModelRow) {
    super(`The model has changed since it was read: its sequence is now ${model.sequence}. Read it again before you change it.`, 'ifSequence')
    this.model = model
  }
}
