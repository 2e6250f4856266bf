import type { KeyScope } from '../postgres/access-tables.ts'

/**
 * An expected error: returned as a value, never thrown, and shown to the client unchanged.
 * The code is for programs. The message is for people and says what to do next.
 */
export abstract class ExpectedError {
  abstract readonly code: string
  readonly message: string
  /** The invalid field of the input; null when the error concerns no single field. */
  readonly path: string | null
  constructor(message: string, path: string | null = null) {
    this.message = message
    this.path = path
  }
}

export interface FieldError {
  /** The path of the input field, joined by dots. */
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
  /** Null when the operation needs the bootstrap key. */
  readonly requiredScope: KeyScope | null
  constructor(requiredScope: KeyScope | null) {
    super(
      requiredScope
        ? `This key does not have the scope ${requiredScope}. Use a key with this scope, or create one with a key that has MANAGE.`
        : 'This operation needs the bootstrap key: the key that the first start created, or the key that is configured as BOOTSTRAP_KEY.',
    )
    this.requiredScope = requiredScope
  }
}

export class UploadNotFoundError extends ExpectedError {
  readonly code = 'UPLOAD_NOT_FOUND'
  constructor(path: string, kind?: string) {
    super(`No upload${kind ? ` of ${kind}` : ''} has this id. PUT the file to /uploads first. An unused upload is kept for a day.`, path)
  }
}

export class QuotaExceededError extends ExpectedError {
  readonly code = 'QUOTA_EXCEEDED'
  readonly limit: number
  readonly used: number
  constructor(resource: string, limit: number, used: number) {
    super(`The workspace has ${used} ${resource}, and the limit is ${limit}. Delete one that is no longer needed, or ask the operator for a higher limit.`)
    this.limit = limit
    this.used = used
  }
}

/** The quota of a workspace on disk, in bytes. */
export class DiskQuotaExceededError extends ExpectedError {
  readonly code = 'DISK_QUOTA_EXCEEDED'
  readonly limitBytes: number
  readonly usedBytes: number
  readonly unusedUploadBytes: number
  /** `sentBytes` are those of all files that are still stored, also of deleted uploads, when they are the reason. */
  constructor(limitBytes: number, { bytes, unusedUploadBytes }: { bytes: number; unusedUploadBytes: number }, moreBytes = 0, sentBytes?: number) {
    const more = moreBytes > 0 ? `, and this request needs ${inMegabytes(moreBytes)} more` : ''
    const advice = unusedUploadBytes
      ? `Delete uploads that are not in use (deleteUpload frees ${inMegabytes(unusedUploadBytes)}), or models and test sets that are no longer needed (deleteModel, deleteTestSet)`
      : 'Delete models and test sets that are no longer needed (deleteModel, deleteTestSet), and the uploads that they use (deleteUpload)'
    super(
      sentBytes === undefined
        ? `The workspace uses ${inMegabytes(bytes)} for uploads, custom models and test sets. The limit is ${inMegabytes(limitBytes)}${more}. ${advice}, or ask the operator for a higher MAX_DISK_MB.`
        : `The files of the workspace, of deleted uploads too, have ${inMegabytes(sentBytes)}${more}. The limit is twice ${inMegabytes(limitBytes)}. Deleted files are removed within three hours. Try again then, or ask the operator for a higher MAX_DISK_MB.`,
    )
    this.limitBytes = limitBytes
    this.usedBytes = bytes
    this.unusedUploadBytes = unusedUploadBytes
  }
}

const inMegabytes = (bytes: number) => `${(bytes / 1e6).toLocaleString('en', { maximumFractionDigits: bytes < 10e6 ? 3 : 1 })} MB`

export class IdempotencyConflictError extends ExpectedError {
  readonly code = 'IDEMPOTENCY_CONFLICT'
  /** `deleted` is the kind of object that the key created, when that object was deleted. */
  constructor(deleted?: string) {
    super(
      deleted
        ? `This idempotency key created ${/^[aeiou]/.test(deleted) ? 'an' : 'a'} ${deleted} that was deleted. Use a new key to create another one.`
        : 'This idempotency key was used with a different input. Use a new key for a different request.',
      'idempotencyKey',
    )
  }
}

export class KeyNotFoundError extends ExpectedError {
  readonly code = 'KEY_NOT_FOUND'
  constructor() {
    super('No key has this id. List the keys with the keys query.', 'id')
  }
}

export class SessionNotFoundError extends ExpectedError {
  readonly code = 'SESSION_NOT_FOUND'
  constructor() {
    super('No session has this id. Ended sessions are removed. List the sessions with the sessions query.', 'id')
  }
}

export class LastManageKeyError extends ExpectedError {
  readonly code = 'LAST_MANAGE_KEY'
  constructor() {
    super('This is the last key with the scope MANAGE, which the workspace needs. Create another key with MANAGE, then revoke this one.', 'id')
  }
}

export class KeyConfiguredError extends ExpectedError {
  readonly code = 'KEY_CONFIGURED'
  constructor() {
    super('A running server has this key as BOOTSTRAP_KEY. To end the key, change or remove the setting and restart the server.', 'id')
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
    super('This cursor is invalid. Use a cursor that this server sent for this list or stream, or omit the cursor to start from the beginning.', 'after')
  }
}

export class InvalidPageError extends ExpectedError {
  readonly code = 'INVALID_PAGE'
}
