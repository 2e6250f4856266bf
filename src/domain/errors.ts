import type { DeploymentRow, DeploymentStatus } from '../postgres/deployment-tables.ts'
import type { KeyScope, ModelRow, ModelStatus } from '../postgres/tables.ts'

/**
 * A refusal that a caller must expect: returned as a value, never thrown, and shown as it is.
 * The code is for programs, the message for people; it says what to do next.
 */
export abstract class ExpectedError {
  abstract readonly code: string
  readonly message: string
  /** The field of the input that is to blame, if one is. */
  readonly path: string | null
  constructor(message: string, path: string | null = null) {
    this.message = message
    this.path = path
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
    super(`Correct ${fieldErrors.map((error) => error.path).join(', ')} and try again.`, fieldErrors[0]?.path)
    this.fieldErrors = fieldErrors
  }
}

export class NotAuthorizedError extends ExpectedError {
  readonly code = 'NOT_AUTHORIZED'
  /** Null when no scope would do: only the bootstrap key may. */
  readonly requiredScope: KeyScope | null
  constructor(requiredScope: KeyScope | null) {
    super(
      requiredScope
        ? `This key lacks the scope ${requiredScope}. Use a key that has it, or let someone with MANAGE create one.`
        : 'Only the bootstrap key may do this: the one that the first start made, or the one that is configured as BOOTSTRAP_KEY.',
    )
    this.requiredScope = requiredScope
  }
}

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

export class UploadNotFoundError extends ExpectedError {
  readonly code = 'UPLOAD_NOT_FOUND'
  constructor(path: string, kind?: string) {
    super(`There is no upload${kind ? ` of ${kind}` : ''} with this id. PUT the file to /uploads first; it is kept for a day.`, path)
  }
}

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

export class QuotaExceededError extends ExpectedError {
  readonly code = 'QUOTA_EXCEEDED'
  readonly limit: number
  readonly used: number
  constructor(what: string, limit: number, used: number) {
    super(`The workspace has ${used} ${what}; ${limit} is the limit. Delete one that is no longer needed, or let the limit be raised.`)
    this.limit = limit
    this.used = used
  }
}

/** A workspace's files on disk; all figures are bytes. */
export class DiskQuotaExceededError extends ExpectedError {
  readonly code = 'DISK_QUOTA_EXCEEDED'
  readonly limitBytes: number
  readonly usedBytes: number
  readonly unusedUploadBytes: number
  constructor(limitBytes: number, { bytes, unusedUploadBytes }: { bytes: number; unusedUploadBytes: number }, moreBytes = 0) {
    const more = moreBytes > 0 ? `, and this needs ${inMegabytes(moreBytes)} more` : ''
    const cure = unusedUploadBytes
      ? `Delete uploads that no model uses (deleteUpload frees ${inMegabytes(unusedUploadBytes)}), or models that are no longer needed (deleteModel)`
      : 'Delete models that are no longer needed (deleteModel), with the uploads that they were made from (deleteUpload)'
    super(
      `The workspace keeps ${inMegabytes(bytes)} of uploads and custom models; ${inMegabytes(limitBytes)} is the limit${more}. ${cure}, or ask for a higher MAX_DISK_MB.`,
    )
    this.limitBytes = limitBytes
    this.usedBytes = bytes
    this.unusedUploadBytes = unusedUploadBytes
  }
}

const inMegabytes = (bytes: number) => `${(bytes / 1e6).toLocaleString('en', { maximumFractionDigits: bytes < 10e6 ? 3 : 1 })} MB`

export class IdempotencyConflictError extends ExpectedError {
  readonly code = 'IDEMPOTENCY_CONFLICT'
  /** Given what the key has made, when that was deleted since. */
  constructor(deleted?: string) {
    super(
      deleted
        ? `This idempotency key made a ${deleted} that has been deleted since. Use a new key to make another one.`
        : 'This idempotency key was used before with another input. Use a new key for a different request.',
      'idempotencyKey',
    )
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

export class KeyNotFoundError extends ExpectedError {
  readonly code = 'KEY_NOT_FOUND'
  constructor() {
    super('There is no key with this id. List the ones there are with the keys query.', 'id')
  }
}

export class SessionNotFoundError extends ExpectedError {
  readonly code = 'SESSION_NOT_FOUND'
  constructor() {
    super('There is no session with this id; it may have ended. List the ones there are with the sessions query.', 'id')
  }
}

export class LastManageKeyError extends ExpectedError {
  readonly code = 'LAST_MANAGE_KEY'
  constructor() {
    super('This is the last key with the scope MANAGE; without it, the workspace could not be managed. Create another one first, then revoke this one.', 'id')
  }
}

export class KeyConfiguredError extends ExpectedError {
  readonly code = 'KEY_CONFIGURED'
  constructor() {
    super('This key is valid because a running server has it as BOOTSTRAP_KEY. Change or remove the setting and restart the server: the key ends then.', 'id')
  }
}

export class WorkspaceNotFoundError extends ExpectedError {
  readonly code = 'WORKSPACE_NOT_FOUND'
  constructor() {
    super('No workspace has this id. List the workspaces with the workspaces query.', 'workspaceId')
  }
}

export class SearchTimeoutError extends ExpectedError {
  readonly code = 'SEARCH_TIMED_OUT'
  constructor() {
    super('The search took too long and was ended. Search for a longer text, or add a locale, statuses or a model to the filter.', 'text')
  }
}

export class InvalidCursorError extends ExpectedError {
  readonly code = 'INVALID_CURSOR'
  constructor() {
    super('This cursor did not come from here. Use one that this server sent for this list or stream, or leave it out to start anew.', 'after')
  }
}

export class InvalidPageError extends ExpectedError {
  readonly code = 'INVALID_PAGE'
}
