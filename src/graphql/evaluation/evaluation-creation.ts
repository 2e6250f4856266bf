import { DeploymentNotFoundError, IncompatibleModelsError } from '../../domain/deployment-errors.ts'
import { IdempotencyConflictError, NotAuthorizedError, QuotaExceededError, ValidationError } from '../../domain/errors.ts'
import { LicenseNotAcceptedError, ModelNotFoundError, ModelNotReadyError } from '../../domain/model-errors.ts'
import { EvaluationNotFoundError, EvaluationStatusConflictError, TestSetNotFoundError, TestSetNotReadyError } from '../../evaluation/errors.ts'
import { cancelEvaluation, createEvaluation, deleteEvaluation, maxEnded, type NewEvaluation } from '../../evaluation/evaluation-creation.ts'
import type { EvaluationRow } from '../../postgres/evaluation/evaluation-tables.ts'
import { builder } from '../builder.ts'
import { decodeNodeId } from '../node-id.ts'
import { asResult, describeIdempotencyKey, resultUnion } from '../result.ts'
import { Evaluation } from './refs.ts'

const CreateEvaluationInput = builder.inputType('CreateEvaluationInput', {
  description: 'The test set and the models of a new evaluation. Either `deploymentId`, or both `acousticModelId` and `languageModelId` are required.',
  fields: (t) => ({
    testSetId: t.id({ required: true, description: 'The `id` of a READY test set.' }),
    deploymentId: t.id({ description: 'The `id` of a deployment, whose current models are evaluated.' }),
    revision: t.int({ description: 'The number of a revision of the deployment, whose models are evaluated instead of the current ones.' }),
    acousticModelId: t.id({ description: 'The `id` of an acoustic model.' }),
    languageModelId: t.id({ description: 'The `id` of a language model of the same locale and scenario.' }),
    idempotencyKey: t.string({ description: describeIdempotencyKey('evaluation') }),
  }),
})

const decode = (typename: string, id: string | null | undefined) => (id == null ? null : decodeNodeId(typename, id))

const toNewEvaluation = (input: typeof CreateEvaluationInput.$inferInput): NewEvaluation => ({
  ...input,
  testSetId: decodeNodeId('TestSet', input.testSetId),
  deploymentId: decode('Deployment', input.deploymentId),
  acousticModelId: decode('AcousticModel', input.acousticModelId),
  languageModelId: decode('LanguageModel', input.languageModelId),
})

const withEvaluation = (name: string, description: string, field: string) =>
  builder
    .objectRef<{ evaluation: EvaluationRow }>(name)
    .implement({ description, fields: (t) => ({ evaluation: t.expose('evaluation', { type: Evaluation, description: field }) }) })

const CreateEvaluationSuccess = withEvaluation(
  'CreateEvaluationSuccess',
  'The server has recorded the evaluation.',
  'The new evaluation, with the status QUEUED.',
)
const CreateEvaluationResult = resultUnion('CreateEvaluation', 'The new evaluation, or the reason for the refusal.', CreateEvaluationSuccess, [
  ValidationError,
  TestSetNotFoundError,
  TestSetNotReadyError,
  DeploymentNotFoundError,
  ModelNotFoundError,
  ModelNotReadyError,
  LicenseNotAcceptedError,
  IncompatibleModelsError,
  QuotaExceededError,
  IdempotencyConflictError,
  NotAuthorizedError,
])

builder.mutationField('createEvaluation', (t) =>
  t.field({
    type: CreateEvaluationResult,
    description: `Evaluates models on a test set. The evaluation uses capacity that clients leave. The subscription \`evaluationStatusChanged\` reports the progress. The server keeps ${maxEnded} ended evaluations of a workspace and deletes older ones.`,
    args: { input: t.arg({ type: CreateEvaluationInput, required: true, description: 'The test set and the models.' }) },
    resolve: (_, { input }, ctx) => createEvaluation(ctx, toNewEvaluation(input)).then(asResult('evaluation')),
  }),
)

const CancelEvaluationSuccess = withEvaluation('CancelEvaluationSuccess', 'The evaluation is CANCELED.', 'The canceled evaluation.')
const CancelEvaluationResult = resultUnion('CancelEvaluation', 'The canceled evaluation, or the reason for the refusal.', CancelEvaluationSuccess, [
  EvaluationNotFoundError,
  EvaluationStatusConflictError,
  NotAuthorizedError,
])

builder.mutationField('cancelEvaluation', (t) =>
  t.field({
    type: CancelEvaluationResult,
    description: 'Cancels an unfinished evaluation. Canceling a canceled evaluation succeeds.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a QUEUED or RUNNING evaluation.' }) },
    resolve: (_, { id }, ctx) => cancelEvaluation(ctx, decodeNodeId('Evaluation', id)).then(asResult('evaluation')),
  }),
)

const DeleteEvaluationSuccess = builder.objectRef<{ deleted: { id: string } }>('DeleteEvaluationSuccess').implement({
  description: 'The evaluation is deleted.',
  fields: (t) => ({
    deletedId: t.globalID({ description: 'The `id` of the deleted evaluation.', resolve: ({ deleted }) => ({ type: 'Evaluation', id: deleted.id }) }),
  }),
})
const DeleteEvaluationResult = resultUnion('DeleteEvaluation', 'The `id` of the deleted evaluation, or the reason for the refusal.', DeleteEvaluationSuccess, [
  EvaluationNotFoundError,
  NotAuthorizedError,
])

builder.mutationField('deleteEvaluation', (t) =>
  t.field({
    type: DeleteEvaluationResult,
    description: 'Deletes an evaluation in any status.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of an evaluation.' }) },
    resolve: (_, { id }, ctx) => deleteEvaluation(ctx, decodeNodeId('Evaluation', id)).then(asResult('deleted')),
  }),
)
