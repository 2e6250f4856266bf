import { findDeployment } from '../domain/deployment.ts'
import { type Estimate, estimateCompletion } from '../domain/deployment-estimate.ts'
import { isServing, isTerminal } from '../domain/deployment-lifecycle.ts'
import { type Endpoint, endpointOf } from '../domain/endpoint.ts'
import { listEvents } from '../domain/event-history.ts'
import { defaultMode } from '../domain/recognition-mode.ts'
import { keptEvents } from '../domain/retention.ts'
import type { DeploymentRow, Evidence, Failure } from '../postgres/deployment-tables.ts'
import type { ModelRow } from '../postgres/tables.ts'
import { builder, type GraphQLContext } from './builder.ts'
import { unwrapPage } from './connection.ts'
import { DeploymentStatusEnum, StageEnum } from './deployment-status.ts'
import { EndpointType } from './endpoint.ts'
import { decodeNodeId } from './node-id.ts'
import { AcousticModel, Deployment, DeploymentStatusChange, LanguageModel } from './refs.ts'

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
    name: t.exposeString('name', {
      description: "Unique among the workspace's deployments of the locale; case, white space and differences that cannot be seen do not count.",
    }),
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
        description: `Its log, oldest first. Of a long log, the first change, changes of the status and the newest ${keptEvents} changes are kept.`,
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
      description:
        'When it will probably be complete, the wait in the queue included; never in the past. Null when it is terminal, when it takes longer than nine of ten others did, or while the server has too little experience.',
      resolve: (deployment, _, ctx) => estimateCompletion(ctx, deployment, ctx.queuePositions.deployment),
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
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When the deployment last changed.' }),
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
