import {
  countStatuses,
  createDeployment,
  type DeploymentFilter,
  findDeployment,
  listDeployments,
  type NewDeployment,
  preflightDeployment,
} from '../domain/deployment.ts'
import { defaultMode, type Endpoint, endpointOf } from '../domain/endpoint.ts'
import {
  DuplicateDeploymentNameError,
  type ExpectedError,
  IdempotencyConflictError,
  IncompatibleModelsError,
  LicenseNotAcceptedError,
  ModelNotFoundError,
  ModelNotReadyError,
  NotAuthorizedError,
  QuotaExceededError,
  ValidationError,
} from '../domain/errors.ts'
import { type Estimate, estimateCompletion } from '../domain/estimate.ts'
import { isServing, isTerminal } from '../domain/status.ts'
import { listEvents } from '../domain/timeline.ts'
import type { DeploymentRow, DeploymentStatus, Evidence, Failure, ModelRow } from '../postgres/tables.ts'
import { builder, type GraphQLContext } from './builder.ts'
import { selects, unwrapPage } from './connection.ts'
import { DeploymentStatusEnum, StageEnum } from './deployment-status.ts'
import { EndpointType } from './endpoint.ts'
import { decodeNodeId, typeOfNodeId } from './node-id.ts'
import { AcousticModel, Deployment, DeploymentStatusChange, LanguageModel } from './refs.ts'
import { asResult, resultUnion, withDeployment } from './result.ts'

const FailureType = builder.objectRef<Failure>('DeploymentFailure').implement({
  description: 'Why a deployment failed.',
  fields: (t) => ({
    stage: t.expose('stage', { type: StageEnum, description: 'The stage that it failed in.' }),
    code: t.exposeString('code', { description: 'For programs: the kind of failure.' }),
    message: t.exposeString('message', { description: 'For people: what happened and what to do.' }),
  }),
})

const VerificationType = builder.objectRef<Evidence>('Verification').implement({
  description: "What the deployment's own endpoint answered when it was tried before completion.",
  fields: (t) => ({
    url: t.expose('url', { type: 'URL', description: 'The URL that was called.' }),
    referenceText: t.exposeString('referenceText', { description: 'What the reference recording says.' }),
    transcript: t.exposeString('transcript', { description: 'What the endpoint heard.' }),
    latencyMs: t.exposeInt('latencyMs', { description: 'Milliseconds from request to answer.' }),
    webSocketUrl: t.field({
      type: 'URL',
      nullable: true,
      description: 'The WebSocket URL that was called as well; null for deployments that are older than it.',
      resolve: ({ webSocket }) => webSocket?.url ?? null,
    }),
    webSocketTranscript: t.string({
      nullable: true,
      description: 'What was heard there.',
      resolve: ({ webSocket }) => webSocket?.transcript ?? null,
    }),
    webSocketLatencyMs: t.int({
      nullable: true,
      description: 'Milliseconds from opening the socket to the end of the turn.',
      resolve: ({ webSocket }) => webSocket?.latencyMs ?? null,
    }),
    audioMs: t.exposeInt('audioMs', { description: 'Milliseconds of audio that were sent.' }),
    verifiedAt: t.field({ type: 'DateTime', description: 'When.', resolve: (evidence) => new Date(evidence.verifiedAt) }),
  }),
})

const EstimateType = builder.objectRef<Estimate>('CompletionEstimate').implement({
  description: "When a deployment will probably be complete, learned from this server's own newest completions.",
  fields: (t) => ({
    p50: t.expose('p50', { type: 'DateTime', description: 'Half of them are complete by then.' }),
    p90: t.expose('p90', { type: 'DateTime', description: 'Nine of ten are complete by then.' }),
  }),
})

builder.node(Deployment, {
  description: 'An acoustic and a language model served together under one id.',
  isTypeOf: (value) => 'acousticModelId' in (value as object),
  id: { resolve: (deployment) => deployment.id },
  fields: (t) => ({
    name: t.exposeString('name', { description: "Unique among the workspace's deployments of the locale; case does not count." }),
    description: t.exposeString('description', { description: 'Free text; empty when none was given.' }),
    locale: t.expose('locale', { type: 'Locale', description: 'The speech it recognizes.' }),
    acousticModel: t.field({
      type: AcousticModel,
      description: 'What turns sound into words.',
      resolve: (deployment, _, ctx) => ctx.loadModel(deployment.acousticModelId),
    }),
    languageModel: t.field({
      type: LanguageModel,
      description: 'What knows the words and how they are written.',
      resolve: (deployment, _, ctx) => ctx.loadModel(deployment.languageModelId),
    }),
    status: t.expose('status', { type: DeploymentStatusEnum, description: 'Where it stands.' }),
    isTerminal: t.boolean({ description: 'True when nothing more will happen by itself.', resolve: (deployment) => isTerminal(deployment.status) }),
    isServing: t.boolean({ description: 'True when the endpoint answers.', resolve: (deployment) => isServing(deployment.status) }),
    stage: t.expose('stage', { type: StageEnum, nullable: true, description: 'What provisioning is doing; null when it is not at work.' }),
    progress: t.exposeFloat('progress', { description: 'Of the whole provisioning, 0 to 1.' }),
    failure: t.expose('failure', { type: FailureType, nullable: true, description: 'Why it failed; null unless the status is FAILED.' }),
    verification: t.expose('evidence', { type: VerificationType, nullable: true, description: 'The proof that its endpoint works; null until there is one.' }),
    endpoint: t.field({
      type: EndpointType,
      nullable: true,
      description: 'Where it recognizes speech; null until the status is COMPLETE.',
      resolve: (deployment, _, ctx) => (isServing(deployment.status) ? findEndpoint(ctx, deployment) : null),
    }),
    timeline: t.connection(
      {
        type: DeploymentStatusChange,
        description: 'Its log, oldest first.',
        resolve: (deployment, args, ctx) => unwrapPage(listEvents(ctx, deployment, args)),
      },
      {
        name: 'DeploymentTimelineConnection',
        description: "A page of a deployment's log.",
        fields: (c) => ({ totalCount: c.int({ description: 'How many changes there are on all pages.', resolve: (page) => page.totalCount() }) }),
      },
      { name: 'DeploymentTimelineEdge', description: 'A change and its place in the log.' },
    ),
    estimatedCompletion: t.field({
      type: EstimateType,
      nullable: true,
      description: 'When it will probably be complete; null when it is terminal, or while the server has too little experience.',
      resolve: (deployment, _, ctx) => estimateCompletion(ctx, deployment),
    }),
    stalledSince: t.expose('stalledSince', {
      type: 'DateTime',
      nullable: true,
      description: 'When it last moved, if that is worryingly long ago; null while all is well. If it goes on like that, it is FAILED.',
    }),
    deadlineAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'By then it is terminal, whatever happens; null when it is.',
      resolve: (deployment) => (isTerminal(deployment.status) ? null : deployment.deadlineAt),
    }),
    queuePosition: t.int({
      nullable: true,
      description: 'How many deployments wait before it, first come first served and in turn between workspaces; null unless it is QUEUED.',
      resolve: (deployment, _, ctx) => (deployment.status === 'QUEUED' ? ctx.queuePositions.deployment(deployment.id) : null),
    }),
    sequence: t.exposeInt('sequence', { description: 'Counts its changes from 1; give it as `ifSequence` to change only what you have seen.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    completedAt: t.expose('completedAt', { type: 'DateTime', nullable: true, description: 'When it became terminal; null before that.' }),
  }),
})

/** Not async: for a model that is known, nobody has to wait. */
function findEndpoint(ctx: GraphQLContext, { id, acousticModelId }: DeploymentRow): Endpoint | Promise<Endpoint> {
  const of = ({ scenario }: ModelRow) => endpointOf(ctx, id, defaultMode[scenario])
  const model = ctx.loadModel(acousticModelId)
  return model instanceof Promise ? model.then(of) : of(model)
}

builder.queryField('deployment', (t) =>
  t.field({
    type: Deployment,
    nullable: true,
    description: 'One deployment; null when the workspace has none with this id.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a deployment.' }) },
    resolve: (_, { id }, ctx) => findDeployment(ctx, decodeNodeId('Deployment', id)),
  }),
)

const DeploymentFilterInput = builder.inputType('DeploymentFilter', {
  description: 'Only deployments that match everything given here.',
  fields: (t) => ({
    locale: t.field({ type: 'Locale', description: 'Only those that recognize this speech.' }),
    statuses: t.field({ type: [DeploymentStatusEnum], description: 'Only those in one of these statuses.' }),
    modelId: t.id({ description: 'Only those with this acoustic or language model.' }),
    text: t.string({ description: 'Only those with this text in their name or description, whatever its case.' }),
  }),
})

const DeploymentOrderInput = builder.inputType('DeploymentOrder', {
  description: 'How to sort deployments; equal ones are sorted by their creation.',
  fields: (t) => ({
    field: t.field({
      required: true,
      description: 'What to sort by.',
      type: builder.enumType('DeploymentOrderField', {
        description: 'What deployments can be sorted by.',
        values: {
          CREATED_AT: { description: 'When they were created.' },
          NAME: { description: 'Their name, whatever its case.' },
          STATUS: { description: 'Their status, in the order of its values.' },
          UPDATED_AT: { description: 'When they last changed.' },
        } as const,
      }),
    }),
    direction: t.field({
      required: true,
      description: 'Which end comes first.',
      type: builder.enumType('OrderDirection', {
        description: 'Which end of a list comes first.',
        values: { ASC: { description: 'The smallest, the oldest.' }, DESC: { description: 'The greatest, the newest.' } } as const,
      }),
    }),
  }),
})

const StatusCount = builder.objectRef<{ status: DeploymentStatus; count: number }>('DeploymentStatusCount').implement({
  description: 'How many deployments are in a status.',
  fields: (t) => ({
    status: t.expose('status', { type: DeploymentStatusEnum, description: 'The status.' }),
    count: t.exposeInt('count', { description: 'How many are in it.' }),
  }),
})

const toFilter = (where: typeof DeploymentFilterInput.$inferInput | null | undefined): DeploymentFilter => ({
  ...where,
  modelId: where?.modelId && decodeNodeId(typeOfNodeId(where.modelId), where.modelId),
})

builder.queryField('deployments', (t) =>
  t.connection(
    {
      type: Deployment,
      description: "The workspace's deployments, newest first if not ordered otherwise.",
      args: {
        where: t.arg({ type: DeploymentFilterInput, description: 'Only deployments that match.' }),
        orderBy: t.arg({ type: DeploymentOrderInput, description: 'How to sort them.' }),
      },
      resolve: (_, { where, ...args }, ctx, info) =>
        unwrapPage(listDeployments(ctx, { ...args, where: toFilter(where), withChangesCursor: selects(info, 'changesCursor') })),
    },
    {
      description: 'A page of deployments.',
      fields: (c) => ({
        totalCount: c.int({ description: 'How many there are on all pages.', resolve: (page) => page.totalCount() }),
        statusCounts: c.field({
          type: [StatusCount],
          description: 'How many there are of each status on all pages, whatever statuses the filter names. Statuses of none are left out.',
          resolve: (page, _, ctx) => countStatuses(ctx, page.filter),
        }),
        changesCursor: c.string({
          description: 'Give this as `after` to `deploymentStatusChanged` to be told of everything that has changed since this page was read.',
          resolve: (page) => page.changesCursor ?? '',
        }),
      }),
    },
    { description: 'A deployment and its place in the list.' },
  ),
)

const CreateDeploymentInput = builder.inputType('CreateDeploymentInput', {
  description: 'What a new deployment is made of.',
  fields: (t) => ({
    name: t.string({ required: true, description: '1 to 100 visible characters, unique among the deployments of the locale.' }),
    description: t.string({ description: 'Up to 1,000 characters.' }),
    locale: t.field({ type: 'Locale', required: true, description: 'One that `locales` lists.' }),
    acousticModelId: t.id({ required: true, description: 'The `id` of an acoustic model.' }),
    languageModelId: t.id({ required: true, description: 'The `id` of a language model of the same locale and scenario.' }),
    idempotencyKey: t.string({
      description:
        'Up to 200 characters of your choice. Sent again with the same input, it answers the deployment that it made; use it to retry without making two.',
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
  ],
  resolveType: (problem) => problem.constructor.name as never,
})

const Preflight = builder.objectRef<{ problems: ExpectedError[] }>('DeploymentPreflight').implement({
  description: 'What `createDeployment` would say to an input.',
  fields: (t) => ({
    ok: t.boolean({ description: 'True when nothing stands against it.', resolve: ({ problems }) => problems.length === 0 }),
    problems: t.field({
      type: [Problem],
      description: 'Everything that stands against it, with what would fit instead.',
      resolve: ({ problems }) => problems as never[],
    }),
  }),
})

builder.queryField('deploymentPreflight', (t) =>
  t.field({
    type: Preflight,
    description: 'Checks an input as `createDeployment` does, without creating anything.',
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
