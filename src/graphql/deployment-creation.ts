import { createDeployment, type NewDeployment, type Preflight, preflightDeployment } from '../domain/deployment.ts'
import {
  DuplicateDeploymentNameError,
  IdempotencyConflictError,
  IncompatibleModelsError,
  LicenseNotAcceptedError,
  ModelNotFoundError,
  ModelNotReadyError,
  NotAuthorizedError,
  QuotaExceededError,
  ValidationError,
} from '../domain/errors.ts'
import { builder } from './builder.ts'
import { decodeNodeId } from './node-id.ts'
import { Deployment } from './refs.ts'
import { asResult, describeIdempotencyKey, resultUnion, withDeployment } from './result.ts'

const CreateDeploymentInput = builder.inputType('CreateDeploymentInput', {
  description: 'What a new deployment is made of.',
  fields: (t) => ({
    name: t.string({ required: true, description: '1 to 100 visible characters, unique among the deployments of the locale.' }),
    description: t.string({ description: 'Up to 1,000 characters.' }),
    locale: t.field({ type: 'Locale', required: true, description: 'One that `locales` lists.' }),
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
  description: 'Something that stands against creating a deployment.',
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
  description: 'What `createDeployment` would say to an input.',
  fields: (t) => ({
    ok: t.boolean({ description: 'True when nothing stands against it.', resolve: ({ problems }) => problems.length === 0 }),
    problems: t.field({
      type: [Problem],
      description: 'Everything that stands against it, with what would fit instead.',
      resolve: ({ problems }) => problems as never[],
    }),
    existing: t.expose('existing', {
      type: Deployment,
      nullable: true,
      description: 'The deployment that the idempotency key has made already; `createDeployment` answers it again. Null when there is none.',
    }),
  }),
})

builder.queryField('deploymentPreflight', (t) =>
  t.field({
    type: PreflightType,
    description:
      'Checks an input as `createDeployment` does, without creating anything. The rate of mutations is no matter of the input: see `viewer.limits.mutations`.',
    args: { input: t.arg({ type: CreateDeploymentInput, required: true, description: 'What would be deployed.' }) },
    resolve: (_, { input }, ctx) => preflightDeployment(ctx, toNewDeployment(input)),
  }),
)

const CreateDeploymentSuccess = withDeployment(
  'CreateDeploymentSuccess',
  'The deployment has been recorded and waits for a worker.',
  'The new deployment, still QUEUED.',
)
const CreateDeploymentResult = resultUnion('CreateDeployment', 'The new deployment, or the reason why there is none.', CreateDeploymentSuccess, [
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
    description: 'Creates a deployment and starts its provisioning. Watch it with `deploymentStatusChanged`.',
    args: { input: t.arg({ type: CreateDeploymentInput, required: true, description: 'What to deploy.' }) },
    resolve: (_, { input }, ctx) => createDeployment(ctx, toNewDeployment(input)).then(asResult('deployment')),
  }),
)
