import { ExpectedError } from '../domain/errors.ts'
import type { Revision } from './revision.ts'

export class RedeploymentInProgressError extends ExpectedError {
  readonly code = 'REDEPLOYMENT_IN_PROGRESS'
  readonly revision: Revision
  constructor(revision: Revision) {
    const state = revision.status === 'COMPLETE' ? 'on trial' : revision.status
    super(`Revision ${revision.number} of the deployment is ${state}. Wait for its end, cancel it with cancelRedeployment, or set supersede.`)
    this.revision = revision
  }
}

export class RevisionNotFoundError extends ExpectedError {
  readonly code = 'REVISION_NOT_FOUND'
  /** Without a number, the deployment has no pending revision. */
  constructor(number?: number | null, path: string | null = null) {
    super(
      number == null
        ? 'The deployment has no pending revision. Start one with redeployDeployment.'
        : `The deployment has no revision ${number} for this operation. List its revisions with the field revisions.`,
      path,
    )
  }
}

export class RevisionNotProvedError extends ExpectedError {
  readonly code = 'REVISION_NOT_PROVED'
  readonly revision: Revision
  constructor(revision: Revision) {
    super(`Revision ${revision.number} is ${revision.status}, and its endpoint test did not pass. Choose a revision that is COMPLETE.`)
    this.revision = revision
  }
}
