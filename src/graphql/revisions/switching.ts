import { DeploymentNotFoundError, SequenceMismatchError, StatusConflictError } from '../../domain/deployment-errors.ts'
import { NotAuthorizedError, ValidationError } from '../../domain/errors.ts'
import { RevisionNotFoundError, RevisionNotProvedError } from '../../revisions/revision-errors.ts'
import { promoteRevision, rollbackDeployment, updateTrial } from '../../revisions/switching.ts'
import { builder } from '../builder.ts'
import { decodeNodeId } from '../node-id.ts'
import { resultUnion } from '../result.ts'
import { asRevised, CanaryInput, ShadowInput, withRevision } from './revised.ts'

const describeIfSequence = 'The `sequence` that the client last read. The mutation changes nothing when the current `sequence` differs.'

/** The input with the id of the row in the database. */
const decoded = <Input extends { deploymentId: string }>(input: Input): Input => ({ ...input, deploymentId: decodeNodeId('Deployment', input.deploymentId) })

const PromoteRevisionInput = builder.inputType('PromoteRevisionInput', {
  description: 'The deployment whose pending revision becomes current.',
  fields: (t) => ({
    deploymentId: t.id({ required: true, description: 'The `id` of a deployment with a revision on trial.' }),
    revision: t.int({ description: 'The number of the revision. The mutation changes nothing when another revision is pending.' }),
    ifSequence: t.int({ description: describeIfSequence }),
  }),
})
const PromoteRevisionSuccess = withRevision('PromoteRevisionSuccess', 'The revision serves all new sessions.', 'The promoted revision.')
const PromoteRevisionResult = resultUnion('PromoteRevision', 'The promoted revision, or the error that prevented the promotion.', PromoteRevisionSuccess, [
  DeploymentNotFoundError,
  StatusConflictError,
  SequenceMismatchError,
  RevisionNotFoundError,
  RevisionNotProvedError,
  NotAuthorizedError,
])

builder.mutationField('promoteRevision', (t) =>
  t.field({
    type: PromoteRevisionResult,
    description: 'Makes the revision on trial the current one, at once. Open sessions end on the previous revision.',
    args: { input: t.arg({ type: PromoteRevisionInput, required: true, description: 'The revision.' }) },
    resolve: (_, { input }, ctx) => promoteRevision(ctx, decoded(input)).then(asRevised),
  }),
)

const RollbackDeploymentInput = builder.inputType('RollbackDeploymentInput', {
  description: 'The revision that becomes current again.',
  fields: (t) => ({
    deploymentId: t.id({ required: true, description: 'The `id` of a COMPLETE deployment.' }),
    toRevision: t.int({ required: true, description: 'The number of a COMPLETE revision.' }),
    note: t.string({ description: 'The reason for the log of the deployment: up to 1,000 characters.' }),
    ifSequence: t.int({ description: describeIfSequence }),
  }),
})
const RollbackDeploymentSuccess = withRevision('RollbackDeploymentSuccess', 'The revision serves all new sessions.', 'The revision.')
const RollbackDeploymentResult = resultUnion('RollbackDeployment', 'The revision, or the error that prevented the rollback.', RollbackDeploymentSuccess, [
  DeploymentNotFoundError,
  StatusConflictError,
  SequenceMismatchError,
  RevisionNotFoundError,
  RevisionNotProvedError,
  ValidationError,
  NotAuthorizedError,
])

builder.mutationField('rollbackDeployment', (t) =>
  t.field({
    type: RollbackDeploymentResult,
    description: 'Makes a COMPLETE revision the current one, at once and without another test. A pending revision stays pending.',
    args: { input: t.arg({ type: RollbackDeploymentInput, required: true, description: 'The revision.' }) },
    resolve: (_, { input }, ctx) => rollbackDeployment(ctx, decoded(input)).then(asRevised),
  }),
)

const UpdateTrialInput = builder.inputType('UpdateTrialInput', {
  description: 'The new shares of the pending revision.',
  fields: (t) => ({
    deploymentId: t.id({ required: true, description: 'The `id` of a deployment with a pending revision.' }),
    canary: t.field({ type: CanaryInput, description: 'The new canary. Null ends the canary; an omitted value keeps the current one.' }),
    shadow: t.field({ type: ShadowInput, description: 'The new shadow. Null ends the shadow; an omitted value keeps the current one.' }),
  }),
})
const UpdateTrialSuccess = withRevision('UpdateTrialSuccess', 'The trial has the requested shares.', 'The pending revision.')
const UpdateTrialResult = resultUnion('UpdateTrial', 'The pending revision, or the error that prevented the change.', UpdateTrialSuccess, [
  DeploymentNotFoundError,
  RevisionNotFoundError,
  ValidationError,
  NotAuthorizedError,
])

builder.mutationField('updateTrial', (t) =>
  t.field({
    type: UpdateTrialResult,
    description: 'Changes the share of sessions or recordings of the pending revision.',
    args: { input: t.arg({ type: UpdateTrialInput, required: true, description: 'The shares.' }) },
    resolve: (_, { input }, ctx) => updateTrial(ctx, decoded(input)).then(asRevised),
  }),
)
