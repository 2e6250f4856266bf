import {
  cancelDeployment,
  type DeploymentUpdate,
  deleteDeployment,
  resumeDeployment,
  retryDeployment,
  suspendDeployment,
  updateDeployment,
} from '../domain/deployment-action.ts'
import {
  DeploymentNotFoundError,
  DuplicateDeploymentNameError,
  IncompatibleModelsError,
  SequenceMismatchError,
  StatusConflictError,
} from '../domain/deployment-errors.ts'
import { restoreDeployment } from '../domain/deployment-restoration.ts'
import { NotAuthorizedError, QuotaExceededError, ValidationError } from '../domain/errors.ts'
import { LicenseNotAcceptedError, ModelNotFoundError, ModelNotReadyError } from '../domain/model-errors.ts'
import { builder } from './builder.ts'
import { decodeNodeId } from './node-id.ts'
import { asResult, resultUnion, withDeployment } from './result.ts'

const UpdateDeploymentInput = builder.inputType('UpdateDeploymentInput', {
  description: 'The changes to a deployment.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The `id` of a deployment.' }),
    name: t.string({ description: 'The new name. A null or omitted value keeps the current name.' }),
    description: t.string({ description: 'The new description. A null or omitted value keeps the current description.' }),
    ifSequence: t.int({ description: 'The `sequence` that the client last read. The mutation changes nothing when the current `sequence` differs.' }),
  }),
})

const toUpdate = (input: typeof UpdateDeploymentInput.$inferInput): DeploymentUpdate => ({ ...input, id: decodeNodeId('Deployment', input.id) })

const UpdateDeploymentSuccess = withDeployment(
  'UpdateDeploymentSuccess',
  'The deployment has the requested name and description.',
  'The deployment after the change.',
)
const UpdateDeploymentResult = resultUnion('UpdateDeployment', 'The changed deployment, or the error that prevented the change.', UpdateDeploymentSuccess, [
  DeploymentNotFoundError,
  ValidationError,
  DuplicateDeploymentNameError,
  SequenceMismatchError,
  NotAuthorizedError,
])

builder.mutationField('updateDeployment', (t) =>
  t.field({
    type: UpdateDeploymentResult,
    description: 'Changes the name or the description of a deployment.',
    args: { input: t.arg({ type: UpdateDeploymentInput, required: true, description: 'The changes.' }) },
    resolve: (_, { input }, ctx) => updateDeployment(ctx, toUpdate(input)).then(asResult('deployment')),
  }),
)

const CancelDeploymentSuccess = withDeployment('CancelDeploymentSuccess', 'The deployment is CANCELED.', 'The canceled deployment.')
const CancelDeploymentResult = resultUnion(
  'CancelDeployment',
  'The canceled deployment, or the error that prevented the cancellation.',
  CancelDeploymentSuccess,
  [DeploymentNotFoundError, StatusConflictError, NotAuthorizedError],
)

builder.mutationField('cancelDeployment', (t) =>
  t.field({
    type: CancelDeploymentResult,
    description: 'Cancels provisioning at any stage. Canceling a canceled deployment succeeds.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a QUEUED or PROVISIONING deployment.' }) },
    resolve: (_, { id }, ctx) => cancelDeployment(ctx, decodeNodeId('Deployment', id)).then(asResult('deployment')),
  }),
)

const RetryDeploymentSuccess = withDeployment('RetryDeploymentSuccess', 'The deployment is QUEUED again, under the same id.', 'The deployment.')
const RetryDeploymentResult = resultUnion('RetryDeployment', 'The deployment, or the error that prevented the retry.', RetryDeploymentSuccess, [
  DeploymentNotFoundError,
  StatusConflictError,
  NotAuthorizedError,
])

builder.mutationField('retryDeployment', (t) =>
  t.field({
    type: RetryDeploymentResult,
    description: 'Retries the provisioning of a FAILED or CANCELED deployment.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a FAILED or CANCELED deployment.' }) },
    resolve: (_, { id }, ctx) => retryDeployment(ctx, decodeNodeId('Deployment', id)).then(asResult('deployment')),
  }),
)

const SuspendDeploymentSuccess = withDeployment('SuspendDeploymentSuccess', 'The deployment is SUSPENDED.', 'The suspended deployment.')
const SuspendDeploymentResult = resultUnion(
  'SuspendDeployment',
  'The suspended deployment, or the error that prevented the suspension.',
  SuspendDeploymentSuccess,
  [DeploymentNotFoundError, StatusConflictError, NotAuthorizedError],
)

builder.mutationField('suspendDeployment', (t) =>
  t.field({
    type: SuspendDeploymentResult,
    description:
      'Suspends a COMPLETE deployment. The endpoint refuses requests with `DEPLOYMENT_SUSPENDED`, open speech sessions end, and the recognizers free the memory of models that no other deployment uses. The deployment keeps its id and URLs and counts against the quota. Suspending a suspended deployment succeeds.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a COMPLETE deployment.' }) },
    resolve: (_, { id }, ctx) => suspendDeployment(ctx, decodeNodeId('Deployment', id)).then(asResult('deployment')),
  }),
)

const ResumeDeploymentSuccess = withDeployment('ResumeDeploymentSuccess', 'The deployment is QUEUED again, under the same id.', 'The deployment.')
const ResumeDeploymentResult = resultUnion('ResumeDeployment', 'The deployment, or the error that prevented the resumption.', ResumeDeploymentSuccess, [
  DeploymentNotFoundError,
  StatusConflictError,
  NotAuthorizedError,
])

builder.mutationField('resumeDeployment', (t) =>
  t.field({
    type: ResumeDeploymentResult,
    description: 'Resumes a SUSPENDED deployment. A worker provisions and tests the deployment again, and the endpoint answers at the same URLs.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a SUSPENDED deployment.' }) },
    resolve: (_, { id }, ctx) => resumeDeployment(ctx, decodeNodeId('Deployment', id)).then(asResult('deployment')),
  }),
)

const DeleteDeploymentSuccess = builder.objectRef<{ deleted: { deploymentId: string } }>('DeleteDeploymentSuccess').implement({
  description: 'The deployment and its endpoint are deleted.',
  fields: (t) => ({
    deletedId: t.globalID({ description: 'The `id` of the deleted deployment.', resolve: ({ deleted }) => ({ type: 'Deployment', id: deleted.deploymentId }) }),
  }),
})
const DeleteDeploymentResult = resultUnion(
  'DeleteDeployment',
  'The confirmation of the deletion, or the error that prevented the deletion.',
  DeleteDeploymentSuccess,
  [DeploymentNotFoundError, NotAuthorizedError],
)

builder.mutationField('deleteDeployment', (t) =>
  t.field({
    type: DeleteDeploymentResult,
    description:
      'Deletes a deployment in any status. `restoreDeployment` can restore the deployment within a week. Repeating the deletion within a week succeeds.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a deployment.' }) },
    resolve: (_, { id }, ctx) => deleteDeployment(ctx, decodeNodeId('Deployment', id)).then(asResult('deleted')),
  }),
)

const RestoreDeploymentSuccess = withDeployment('RestoreDeploymentSuccess', 'The deployment exists again, under the same id.', 'The restored deployment.')
const RestoreDeploymentResult = resultUnion(
  'RestoreDeployment',
  'The restored deployment, or the error that prevented the restoration.',
  RestoreDeploymentSuccess,
  [
    DeploymentNotFoundError,
    DuplicateDeploymentNameError,
    ModelNotFoundError,
    ModelNotReadyError,
    LicenseNotAcceptedError,
    IncompatibleModelsError,
    QuotaExceededError,
    NotAuthorizedError,
  ],
)

builder.mutationField('restoreDeployment', (t) =>
  t.field({
    type: RestoreDeploymentResult,
    description:
      'Restores a deployment within a week of its deletion, with the same id, URLs, name, models and log. A worker provisions and tests the deployment again. Restoring a deployment that exists succeeds and changes nothing.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a deployment in `deletedDeployments`.' }) },
    resolve: (_, { id }, ctx) => restoreDeployment(ctx, decodeNodeId('Deployment', id)).then(asResult('deployment')),
  }),
)
