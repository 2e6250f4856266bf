import { RedeploymentInProgressError, RevisionNotFoundError, RevisionNotProvedError } from '../../revisions/revision-errors.ts'
import { builder } from '../builder.ts'
import { ErrorInterface } from '../error.ts'
import { RevisionType } from '../refs.ts'

const interfaces = [ErrorInterface]

builder.objectType(RedeploymentInProgressError, {
  name: 'RedeploymentInProgressError',
  description: 'The deployment has a pending revision, and the request does not supersede the revision.',
  interfaces,
  fields: (t) => ({ revision: t.expose('revision', { type: RevisionType, description: 'The pending revision.' }) }),
})

builder.objectType(RevisionNotFoundError, {
  name: 'RevisionNotFoundError',
  description: 'The deployment has no revision with this number, or no pending revision.',
  interfaces,
})

builder.objectType(RevisionNotProvedError, {
  name: 'RevisionNotProvedError',
  description: 'The revision has not passed its endpoint test. Only a COMPLETE revision can serve.',
  interfaces,
  fields: (t) => ({ revision: t.expose('revision', { type: RevisionType, description: 'The revision.' }) }),
})
