import { cancelDeployment, type DeploymentUpdate, deleteDeployment, retryDeployment, updateDeployment } from '../domain/deployment-action.ts'
import {
  DeploymentNotFoundError,
  DuplicateDeploymentNameError,
  NotAuthorizedError,
  SequenceMismatchError,
  StatusConflictError,
  ValidationError,
} from '../domain/errors.ts'
import { builder } from './builder.ts'
import { decodeNodeId } from './node-id.ts'
import { asResult, resultUnion, withDeployment } from './result.ts'

const UpdateDeploymentInput = builder.inputType('UpdateDeploymentInput', {
  description: 'What to change of a deployment.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The `id` of a deployment.' }),
    name: t.string({ description: 'The new name; null or left out, it stays.' }),
    description: t.string({ description: 'The new description; null or left out, it stays.' }),
    ifSequence: t.int({ description: 'The `sequence` that you last saw: when it is another one by now, nothing is changed.' }),
  }),
})

const toUpdate = (input: typeof UpdateDeploymentInput.$inferInput): DeploymentUpdate => ({ ...input, id: decodeNodeId('Deployment', input.id) })

const UpdateDeploymentSuccess = withDeployment('UpdateDeploymentSuccess', 'The deployment is as it was asked to be.', 'The deployment after the change.')
const UpdateDeploymentResult = resultUnion('UpdateDeployment', 'The changed deployment, or the reason why it is unchanged.', UpdateDeploymentSuccess, [
  DeploymentNotFoundError,
  ValidationError,
  DuplicateDeploymentNameError,
  SequenceMismatchError,
  NotAuthorizedError,
])

builder.mutationField('updateDeployment', (t) =>
  t.field({
    type: UpdateDeploymentResult,
    description: 'Changes the name or the description.',
    args: { input: t.arg({ type: UpdateDeploymentInput, required: true, description: 'What to change.' }) },
    resolve: (_, { input }, ctx) => updateDeployment(ctx, toUpdate(input)).then(asResult('deployment')),
  }),
)

const CancelDeploymentSuccess = withDeployment('CancelDeploymentSuccess', 'The deployment is CANCELED.', 'The canceled deployment.')
const CancelDeploymentResult = resultUnion('CancelDeployment', 'The canceled deployment, or the reason why it is not.', CancelDeploymentSuccess, [
  DeploymentNotFoundError,
  StatusConflictError,
  NotAuthorizedError,
])

builder.mutationField('cancelDeployment', (t) =>
  t.field({
    type: CancelDeploymentResult,
    description: 'Ends provisioning, whatever stage it is in. Canceling what is canceled already succeeds.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a deployment that is QUEUED or PROVISIONING.' }) },
    resolve: (_, { id }, ctx) => cancelDeployment(ctx, decodeNodeId('Deployment', id)).then(asResult('deployment')),
  }),
)

const RetryDeploymentSuccess = withDeployment('RetryDeploymentSuccess', 'The deployment is QUEUED again, under the same id.', 'The deployment.')
const RetryDeploymentResult = resultUnion('RetryDeployment', 'The deployment, or the reason why it is not tried again.', RetryDeploymentSuccess, [
  DeploymentNotFoundError,
  StatusConflictError,
  NotAuthorizedError,
])

builder.mutationField('retryDeployment', (t) =>
  t.field({
    type: RetryDeploymentResult,
    description: 'Provisions a FAILED or CANCELED deployment anew.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a deployment that is FAILED or CANCELED.' }) },
    resolve: (_, { id }, ctx) => retryDeployment(ctx, decodeNodeId('Deployment', id)).then(asResult('deployment')),
  }),
)

const DeleteDeploymentSuccess = builder.objectRef<{ deleted: { deploymentId: string } }>('DeleteDeploymentSuccess').implement({
  description: 'The deployment is gone, and its endpoint with it.',
  fields: (t) => ({
    deletedId: t.globalID({ description: 'The `id` that it had.', resolve: ({ deleted }) => ({ type: 'Deployment', id: deleted.deploymentId }) }),
  }),
})
const DeleteDeploymentResult = resultUnion('DeleteDeployment', 'That the deployment is gone, or the reason why it is not.', DeleteDeploymentSuccess, [
  DeploymentNotFoundError,
  NotAuthorizedError,
])

builder.mutationField('deleteDeployment', (t) =>
  t.field({
    type: DeleteDeploymentResult,
    description: 'Deletes a deployment in whatever status it is. Deleting it once more within a week succeeds as well.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a deployment.' }) },
    resolve: (_, { id }, ctx) => deleteDeployment(ctx, decodeNodeId('Deployment', id)).then(asResult('deleted')),
  }),
)
