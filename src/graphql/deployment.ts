import { findDeployment } from '../domain/deployment.ts'
import { type Estimate, estimateCompletion } from '../domain/deployment-estimate.ts'
import { isTerminal } from '../domain/deployment-lifecycle.ts'
import { type Endpoint, endpointOf, isServing } from '../domain/endpoint.ts'
import { keptEvents, listEvents } from '../domain/event-history.ts'
import { defaultMode } from '../domain/recognition-mode.ts'
import type { DeploymentRow, Evidence, Failure } from '../postgres/deployment-tables.ts'
import type { ModelRow } from '../postgres/tables.ts'
import { builder, type GraphQLContext } from './builder.ts'
import { DeploymentStatusEnum, StageEnum } from './deployment-status.ts'
import { EndpointType } from './endpoint.ts'
import { decodeNodeId } from './node-id.ts'
import { unwrapPage } from './pagination.ts'
import { AcousticModel, Deployment, DeploymentStatusChange, LanguageModel } from './refs.ts'

const FailureType = builder.objectRef<Failure>('DeploymentFailure').implement({
  description: 'The reason for the failure of a deployment.',
  fields: (t) => ({
    stage: t.expose('stage', { type: StageEnum, description: 'The stage that failed.' }),
    code: t.exposeString('code', { description: 'A machine-readable code for the kind of failure.' }),
    message: t.exposeString('message', { description: 'A human-readable message that describes the failure and the remedy.' }),
  }),
})

const VerificationType = builder.objectRef<Evidence>('Verification').implement({
  description: "The result of the test of the deployment's endpoint before completion.",
  fields: (t) => ({
    url: t.expose('url', {
      type: 'URL',
      description: 'The public URL of the tested endpoint. The server can reach the endpoint at another address than clients do.',
    }),
    referenceText: t.exposeString('referenceText', { description: 'The text of the reference recording.' }),
    transcript: t.exposeString('transcript', { description: 'The transcript that the endpoint returned.' }),
    latencyMs: t.exposeInt('latencyMs', { description: 'The number of milliseconds from request to response.' }),
    webSocketUrl: t.field({
      type: 'URL',
      nullable: true,
      description: 'The public WebSocket URL of the tested endpoint; null for deployments that are older than this test.',
      resolve: ({ webSocket }) => webSocket?.url ?? null,
    }),
    webSocketTranscript: t.string({
      nullable: true,
      description: 'The transcript that the WebSocket URL returned.',
      resolve: ({ webSocket }) => webSocket?.transcript ?? null,
    }),
    webSocketLatencyMs: t.int({
      nullable: true,
      description: 'The number of milliseconds from opening the socket to the end of the turn.',
      resolve: ({ webSocket }) => webSocket?.latencyMs ?? null,
    }),
    audioMs: t.exposeInt('audioMs', { description: 'The duration of the test audio in milliseconds.' }),
    warning: t.string({
      nullable: true,
      description:
        "A warning for the operator of the server: the public URL did not lead to the deployment during the test, and what to check. Null without a problem. The server's network can differ from the network of clients.",
      resolve: ({ warning }) => warning ?? null,
    }),
    verifiedAt: t.field({ type: 'DateTime', description: 'The time of the test.', resolve: (evidence) => new Date(evidence.verifiedAt) }),
  }),
})

const EstimateType = builder.objectRef<Estimate>('CompletionEstimate').implement({
  description: "An estimate of a deployment's completion time, based on the newest completions of this server.",
  fields: (t) => ({
    p50: t.expose('p50', { type: 'DateTime', description: 'The 50th percentile: half of the deployments are complete by this time.' }),
    p90: t.expose('p90', { type: 'DateTime', description: 'The 90th percentile: nine of ten deployments are complete by this time.' }),
  }),
})

builder.node(Deployment, {
  description: 'An acoustic model and a language model that the server serves together under one id.',
  isTypeOf: (value) => 'acousticModelId' in (value as object) && !('testSetId' in (value as object)),
  id: { resolve: (deployment) => deployment.id },
  fields: (t) => ({
    name: t.exposeString('name', {
      description: "The name, unique among the workspace's deployments of the locale. The comparison ignores case, white space and invisible differences.",
    }),
    description: t.exposeString('description', { description: 'The description as free text; empty when the client gave no description.' }),
    locale: t.expose('locale', { type: 'Locale', description: 'The locale of the speech that the deployment recognizes.' }),
    acousticModel: t.field({
      type: AcousticModel,
      description: 'The acoustic model.',
      resolve: (deployment, _, ctx) => ctx.loadModel(deployment.acousticModelId),
    }),
    languageModel: t.field({
      type: LanguageModel,
      description: 'The language model.',
      resolve: (deployment, _, ctx) => ctx.loadModel(deployment.languageModelId),
    }),
    status: t.expose('status', { type: DeploymentStatusEnum, description: "The deployment's status." }),
    isTerminal: t.boolean({
      description: 'True when the status is terminal: only a request can change the deployment further.',
      resolve: (deployment) => isTerminal(deployment.status),
    }),
    isServing: t.boolean({ description: 'True when the endpoint answers requests.', resolve: (deployment) => isServing(deployment.status) }),
    stage: t.expose('stage', { type: StageEnum, nullable: true, description: 'The current provisioning stage; null when provisioning is not running.' }),
    progress: t.exposeFloat('progress', { description: 'The progress of the whole provisioning, from 0 to 1.' }),
    failure: t.expose('failure', { type: FailureType, nullable: true, description: 'The reason for the failure; null unless the status is FAILED.' }),
    verification: t.expose('evidence', {
      type: VerificationType,
      nullable: true,
      description: 'The result of the endpoint test; null before the test has passed.',
    }),
    endpoint: t.field({
      type: EndpointType,
      nullable: true,
      description: 'The endpoint that recognizes speech; null until the status is COMPLETE.',
      resolve: (deployment, _, ctx) => (isServing(deployment.status) ? findEndpoint(ctx, deployment) : null),
    }),
    timeline: t.connection(
      {
        type: DeploymentStatusChange,
        description: `The deployment's log, oldest change first. For a long log, the server keeps the first change, status changes and the newest ${keptEvents} changes.`,
        resolve: (deployment, args, ctx) => unwrapPage(listEvents(ctx, deployment, args)),
      },
      {
        name: 'DeploymentTimelineConnection',
        description: "A page of a deployment's log.",
        fields: (c) => ({ totalCount: c.int({ description: 'The number of changes on all pages.', resolve: (page) => page.totalCount() }) }),
      },
      { name: 'DeploymentTimelineEdge', description: 'A change and its place in the log.' },
    ),
    estimatedCompletion: t.field({
      type: EstimateType,
      nullable: true,
      description:
        'The estimated completion time, including the wait in the queue. The estimate is never in the past. Null when the deployment is terminal, when provisioning takes longer than for nine of ten other deployments, or while the server has too few completions for an estimate.',
      resolve: (deployment, _, ctx) => estimateCompletion(ctx, deployment, ctx.queuePositions.deployment),
    }),
    stalledSince: t.expose('stalledSince', {
      type: 'DateTime',
      nullable: true,
      description:
        'The time of the last progress of a stalled deployment; null while the deployment is not stalled. A deployment that stays stalled becomes FAILED.',
    }),
    deadlineAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'The time by which the deployment becomes terminal at the latest; null when the deployment is terminal.',
      resolve: (deployment) => (isTerminal(deployment.status) ? null : deployment.deadlineAt),
    }),
    queuePosition: t.int({
      nullable: true,
      description:
        'The number of deployments ahead of this deployment in the queue; null unless the status is QUEUED. The queue is first come, first served within a workspace and takes turns between workspaces.',
      resolve: (deployment, _, ctx) => (deployment.status === 'QUEUED' ? ctx.queuePositions.deployment(deployment.id) : null),
    }),
    sequence: t.exposeInt('sequence', {
      description:
        'The number of changes of the deployment, counted from 1. Pass the number as `ifSequence` to change the deployment only in the state that the client has read.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'The creation time.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'The time of the last change.' }),
    completedAt: t.expose('completedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The time at which the deployment became terminal; null before that time.',
    }),
  }),
})

/** Synchronous when the model is loaded, so that a list of deployments does not wait for each model. */
function findEndpoint(ctx: GraphQLContext, { id, acousticModelId }: DeploymentRow): Endpoint | Promise<Endpoint> {
  const of = ({ scenario }: ModelRow) => endpointOf(ctx, id, defaultMode[scenario])
  const model = ctx.loadModel(acousticModelId)
  return model instanceof Promise ? model.then(of) : of(model)
}

builder.queryField('deployment', (t) =>
  t.field({
    type: Deployment,
    nullable: true,
    description: 'A deployment by id; null when the workspace has no deployment with this id.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a deployment.' }) },
    resolve: (_, { id }, ctx) => findDeployment(ctx, decodeNodeId('Deployment', id)),
  }),
)
