import type { KeyScope } from '../postgres/access-tables.ts'

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

export class UploadNotFoundError extends ExpectedError {
  readonly code = 'UPLOAD_NOT_FOUND'
  constructor(path: string, kind?: string) {
    super(`There is no upload${kind ? ` of ${kind}` : ''} with this id. PUT the file to /uploads first; it is kept for a day.`, path)
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

export class InvalidCursorError extends ExpectedError {
  readonly code = 'INVALID_CURSOR'
  constructor() {
    super('This cursor did not come from here. Use one that this server sent for this list or stream, or leave it out to start anew.', 'after')
  }
}

export class InvalidPageError extends ExpectedError {
  readonly code = 'INVALID_PAGE'
}
