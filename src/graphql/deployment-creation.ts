import { createDeployment, type NewDeployment, type Preflight, preflightDeployment } from '../domain/deployment-creation.ts'
import { DuplicateDeploymentNameError, IncompatibleModelsError } from '../domain/deployment-errors.ts'
import { IdempotencyConflictError, NotAuthorizedError, QuotaExceededError, ValidationError } from '../domain/errors.ts'
import { LicenseNotAcceptedError, ModelNotFoundError, ModelNotReadyError } from '../domain/model-errors.ts'
import { builder } from './builder.ts'
import { decodeNodeId } from './node-id.ts'
import { Deployment } from './refs.ts'
import { asResult, describeIdempotencyKey, resultUnion, withDeployment } from './result.ts'

const CreateDeploymentInput = builder.inputType('CreateDeploymentInput', {
  description: 'The properties of a new deployment.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'The name: 1 to 100 visible characters, unique among the deployments of the locale.' }),
    description: t.string({ description: 'The description: up to 1,000 characters.' }),
    locale: t.field({ type: 'Locale', required: true, description: 'A locale that `locales` lists.' }),
    acousticModelId: t.id({ required: true, description: 'The `id` of an acoustic model.' }),
    languageModelId: t.id({ required: true, description: 'The `id` of a language model of the same locale and scenario.' }),
    idempotencyKey: t.string({
      description: describeIdempotencyKey('deployment'),
    }),
  }),
})

const toNewDeployment = (input: typeof CreateDeploymentInput.$inferInput): NewDeployment => ({
  ...input,
  acousticModelId: decodeNodeId('AcousticModel', input.acousticModelId),
  languageModelId: decodeNodeId('LanguageModel', input.languageModelId),
})

const Problem = builder.unionType('DeploymentProblem', {
  description: 'An error that prevents the creation of a deployment.',
  types: [
    ValidationError,
    NotAuthorizedError,
    ModelNotFoundError,
    ModelNotReadyError,
    LicenseNotAcceptedError,
    IncompatibleModelsError,
    DuplicateDeploymentNameError,
    QuotaExceededError,
    IdempotencyConflictError,
  ],
  resolveType: (problem) => problem.constructor.name as never,
})

const PreflightType = builder.objectRef<Preflight>('DeploymentPreflight').implement({
  description: 'The result of checking an input for `createDeployment`.',
  fields: (t) => ({
    ok: t.boolean({ description: 'True when the check found no problems.', resolve: ({ problems }) => problems.length === 0 }),
    problems: t.field({
      type: [Problem],
      description: 'All problems of the input, with the models that fit instead.',
      resolve: ({ problems }) => problems as never[],
    }),
    existing: t.expose('existing', {
      type: Deployment,
      nullable: true,
      description:
        'The deployment that an earlier request with the idempotency key created. `createDeployment` returns this deployment again. Null when the key has created no deployment.',
    }),
  }),
})

builder.queryField('deploymentPreflight', (t) =>
  t.field({
    type: PreflightType,
    description:
      'Checks an input as `createDeployment` does, without creating a deployment. The check ignores the rate limit of mutations (see `viewer.limits.mutations`).',
    args: { input: t.arg({ type: CreateDeploymentInput, required: true, description: 'The input to check.' }) },
    resolve: (_, { input }, ctx) => preflightDeployment(ctx, toNewDeployment(input)),
  }),
)

const CreateDeploymentSuccess = withDeployment(
  'CreateDeploymentSuccess',
  'The server has recorded the deployment, which waits for a worker.',
  'The new deployment, with the status QUEUED.',
)
const CreateDeploymentResult = resultUnion('CreateDeployment', 'The new deployment, or the error that prevented the creation.', CreateDeploymentSuccess, [
  IncompatibleModelsError,
  ModelNotFoundError,
  ModelNotReadyError,
  LicenseNotAcceptedError,
  DuplicateDeploymentNameError,
  ValidationError,
  QuotaExceededError,
  IdempotencyConflictError,
  NotAuthorizedError,
])

builder.mutationField('createDeployment', (t) =>
  t.field({
    type: CreateDeploymentResult,
    description: 'Creates a deployment and starts its provisioning. The subscription `deploymentStatusChanged` reports the progress.',
    args: { input: t.arg({ type: CreateDeploymentInput, required: true, description: 'The new deployment.' }) },
    resolve: (_, { input }, ctx) => createDeployment(ctx, toNewDeployment(input)).then(asResult('deployment')),
  }),
)
