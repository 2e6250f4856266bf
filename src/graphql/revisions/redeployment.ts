import { DeploymentNotFoundError, IncompatibleModelsError, SequenceMismatchError, StatusConflictError } from '../../domain/deployment-errors.ts'
import { IdempotencyConflictError, NotAuthorizedError, ValidationError } from '../../domain/errors.ts'
import { LicenseNotAcceptedError, ModelNotFoundError, ModelNotReadyError } from '../../domain/model-errors.ts'
import { TestSetNotFoundError, TestSetNotReadyError } from '../../evaluation/errors.ts'
import { cancelRedeployment, type NewRevision, redeployDeployment } from '../../revisions/redeployment.ts'
import { RedeploymentInProgressError, RevisionNotFoundError } from '../../revisions/revision-errors.ts'
import { builder } from '../builder.ts'
import { decodeNodeId } from '../node-id.ts'
import { describeIdempotencyKey, resultUnion } from '../result.ts'
import { GateInput, toGate } from './gate.ts'
import { asRevised, CanaryInput, ShadowInput, withRevision } from './revised.ts'

const RedeployDeploymentInput = builder.inputType('RedeployDeploymentInput', {
  description: 'The properties of a new revision of a deployment.',
  fields: (t) => ({
    deploymentId: t.id({ required: true, description: 'The `id` of a COMPLETE deployment.' }),
    acousticModelId: t.id({ required: true, description: "The `id` of an acoustic model for the deployment's locale." }),
    languageModelId: t.id({ required: true, description: 'The `id` of a language model of the same locale and scenario.' }),
    note: t.string({ description: 'The note for the history: up to 1,000 characters.' }),
    canary: t.field({
      type: CanaryInput,
      description: 'With a canary, the proved revision serves a share of new sessions, and `promoteRevision` makes the revision current.',
    }),
    shadow: t.field({
      type: ShadowInput,
      description: 'With a shadow, the proved revision recognizes a share of recordings as well, and `promoteRevision` makes the revision current.',
    }),
    gate: t.field({
      type: GateInput,
      description:
        'The condition on the new models; by default the gate of the deployment. A revision that does not pass is FAILED with the code `GATE_NOT_PASSED`.',
    }),
    supersede: t.boolean({
      description: 'True to end a pending revision in favor of the new one. Otherwise the server refuses the request while a revision is pending.',
    }),
    ifSequence: t.int({ description: 'The `sequence` that the client last read. The mutation changes nothing when the current `sequence` differs.' }),
    idempotencyKey: t.string({ description: describeIdempotencyKey('revision') }),
  }),
})

const toNewRevision = (input: typeof RedeployDeploymentInput.$inferInput): NewRevision => ({
  ...input,
  deploymentId: decodeNodeId('Deployment', input.deploymentId),
  acousticModelId: decodeNodeId('AcousticModel', input.acousticModelId),
  languageModelId: decodeNodeId('LanguageModel', input.languageModelId),
  gate: toGate(input.gate),
})

const RedeployDeploymentSuccess = withRevision(
  'RedeployDeploymentSuccess',
  'The server has recorded the revision, which waits for a worker. The current revision serves meanwhile.',
  'The new revision, with the status QUEUED.',
)
const RedeployDeploymentResult = resultUnion(
  'RedeployDeployment',
  'The new revision, or the error that prevented the redeployment.',
  RedeployDeploymentSuccess,
  [
    IncompatibleModelsError,
    ModelNotFoundError,
    ModelNotReadyError,
    LicenseNotAcceptedError,
    ValidationError,
    IdempotencyConflictError,
    NotAuthorizedError,
    DeploymentNotFoundError,
    StatusConflictError,
    SequenceMismatchError,
    RedeploymentInProgressError,
    TestSetNotFoundError,
    TestSetNotReadyError,
  ],
)

builder.mutationField('redeployDeployment', (t) =>
  t.field({
    type: RedeployDeploymentResult,
    description:
      'Provisions another pair of models for a COMPLETE deployment. The new revision serves as soon as its endpoint test has passed. A failure leaves the deployment as before. `deploymentStatusChanged` reports the progress.',
    args: { input: t.arg({ type: RedeployDeploymentInput, required: true, description: 'The new revision.' }) },
    resolve: (_, { input }, ctx) => redeployDeployment(ctx, toNewRevision(input)).then(asRevised),
  }),
)

const CancelRedeploymentInput = builder.inputType('CancelRedeploymentInput', {
  description: 'The deployment whose pending revision ends.',
  fields: (t) => ({ deploymentId: t.id({ required: true, description: 'The `id` of a deployment with a pending revision.' }) }),
})
const CancelRedeploymentSuccess = withRevision(
  'CancelRedeploymentSuccess',
  'The deployment has no pending revision, and its current revision serves as before.',
  'The revision, which is CANCELED. A revision that was on trial stays COMPLETE.',
)
const CancelRedeploymentResult = resultUnion(
  'CancelRedeployment',
  'The canceled revision, or the error that prevented the cancellation.',
  CancelRedeploymentSuccess,
  [DeploymentNotFoundError, RevisionNotFoundError, NotAuthorizedError],
)

builder.mutationField('cancelRedeployment', (t) =>
  t.field({
    type: CancelRedeploymentResult,
    description: 'Cancels the provisioning of the pending revision, or ends its trial. Canceling a canceled revision succeeds.',
    args: { input: t.arg({ type: CancelRedeploymentInput, required: true, description: 'The deployment.' }) },
    resolve: (_, { input }, ctx) => cancelRedeployment(ctx, decodeNodeId('Deployment', input.deploymentId)).then(asRevised),
  }),
)
