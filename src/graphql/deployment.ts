import { createDeployment, findDeployment, listDeployments } from '../domain/deployment.ts'
import { defaultMode, type Endpoint, endpointOf } from '../domain/endpoint.ts'
import { DuplicateDeploymentNameError, ExpectedError, IncompatibleModelsError, ModelNotFoundError, ValidationError } from '../domain/errors.ts'
import { isServing, isTerminal } from '../domain/status.ts'
import type { DeploymentRow, Evidence, Failure } from '../postgres/tables.ts'
import { builder } from './builder.ts'
import { unwrapPage } from './connection.ts'
import { AcousticModel, LanguageModel } from './model.ts'
import { decodeNodeId } from './node-id.ts'

export const DeploymentStatusEnum = builder.enumType('DeploymentStatus', {
  description: 'Where a deployment stands. More values may come: use `isTerminal` and `isServing` rather than a complete switch.',
  values: {
    QUEUED: { description: 'Waiting for a worker.' },
    PROVISIONING: { description: 'Being made servable; `stage` and `progress` tell how far it is.' },
    COMPLETE: { description: 'Proved to work; the endpoint answers.' },
    FAILED: { description: 'Given up; `failure` tells why.' },
    CANCELED: { description: 'Ended on request before it was complete.' },
    DELETING: { description: 'About to vanish.' },
  } as const,
})

export const StageEnum = builder.enumType('ProvisioningStage', {
  description: 'What provisioning is doing, in this order.',
  values: {
    RESOLVING: { description: 'Looking up both models and whether they still fit.' },
    FETCHING: { description: 'Fetching the model files and checking their SHA-256.' },
    BUILDING: { description: 'Compiling the language model.' },
    LOADING: { description: 'Loading both models into a recognizer.' },
    VERIFYING: { description: "Calling the endpoint's own URL with a reference recording." },
  } as const,
})

const EndpointType = builder.objectRef<Endpoint>('Endpoint').implement({
  description: 'The addresses where a Complete deployment recognizes speech.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'The endpoint id that clients send as `cid`; the Speech SDK calls it endpointId.' }),
    httpUrl: t.expose('httpUrl', { type: 'URL', description: 'POST a WAV file of up to a minute here.' }),
    webSocketUrl: t.expose('webSocketUrl', { type: 'URL', description: 'For the Speech SDK.' }),
  }),
})

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
    audioMs: t.exposeInt('audioMs', { description: 'Milliseconds of audio that were sent.' }),
    verifiedAt: t.field({ type: 'DateTime', description: 'When.', resolve: (evidence) => new Date(evidence.verifiedAt) }),
  }),
})

export const Deployment = builder.objectRef<DeploymentRow>('Deployment')
builder.node(Deployment, {
  description: 'An acoustic and a language model served together under one id.',
  id: { resolve: (deployment) => deployment.id, description: 'Unique among everything.' },
  fields: (t) => ({
    name: t.exposeString('name', { description: "Unique among the workspace's deployments of the locale; case does not count." }),
    description: t.exposeString('description', { description: 'Free text; empty when none was given.' }),
    locale: t.exposeString('locale', { description: 'The BCP 47 tag of the speech it recognizes.' }),
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
      resolve: async (deployment, _, ctx) =>
        isServing(deployment.status) ? endpointOf(ctx, deployment.id, defaultMode[(await ctx.loadModel(deployment.acousticModelId)).scenario]) : null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    completedAt: t.expose('completedAt', { type: 'DateTime', nullable: true, description: 'When it became terminal; null before that.' }),
  }),
})

builder.queryField('deployment', (t) =>
  t.field({
    type: Deployment,
    nullable: true,
    description: 'One deployment; null when the workspace has none with this id.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a deployment.' }) },
    resolve: (_, { id }, ctx) => findDeployment(ctx, decodeNodeId('Deployment', id)),
  }),
)

const DeploymentFilter = builder.inputType('DeploymentFilter', {
  description: 'Only deployments that match everything given here.',
  fields: (t) => ({ locale: t.string({ description: 'A BCP 47 tag such as en-US.' }) }),
})

builder.queryField('deployments', (t) =>
  t.connection(
    {
      type: Deployment,
      description: "The workspace's deployments, newest first.",
      args: { where: t.arg({ type: DeploymentFilter, description: 'Only deployments that match.' }) },
      resolve: (_, args, ctx) => unwrapPage(listDeployments(ctx, args)),
    },
    {
      description: 'A page of deployments.',
      fields: (c) => ({
        totalCount: c.int({ description: 'How many there are on all pages.', resolve: (page) => page.totalCount() }),
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
    locale: t.string({ required: true, description: 'A BCP 47 tag that `locales` lists.' }),
    acousticModelId: t.id({ required: true, description: 'The `id` of an acoustic model.' }),
    languageModelId: t.id({ required: true, description: 'The `id` of a language model of the same locale and scenario.' }),
  }),
})

const CreateDeploymentSuccess = builder.objectRef<{ deployment: DeploymentRow }>('CreateDeploymentSuccess').implement({
  description: 'The deployment has been recorded and waits for a worker.',
  fields: (t) => ({ deployment: t.expose('deployment', { type: Deployment, description: 'The new deployment, still QUEUED.' }) }),
})

const CreateDeploymentResult = builder.unionType('CreateDeploymentResult', {
  description: 'The new deployment, or the reason why there is none.',
  types: [CreateDeploymentSuccess, IncompatibleModelsError, ModelNotFoundError, DuplicateDeploymentNameError, ValidationError],
  resolveType: (result) => (result instanceof ExpectedError ? result.constructor.name : 'CreateDeploymentSuccess'),
})

builder.mutationField('createDeployment', (t) =>
  t.field({
    type: CreateDeploymentResult,
    description: 'Creates a deployment and starts its provisioning. Watch it with `deploymentStatusChanged`.',
    args: { input: t.arg({ type: CreateDeploymentInput, required: true, description: 'What to deploy.' }) },
    resolve: (_, { input }, ctx) => createDeployment(ctx, toNewDeployment(input)).then(toResult),
  }),
)

const toNewDeployment = (input: typeof CreateDeploymentInput.$inferInput) => ({
  ...input,
  acousticModelId: decodeNodeId('AcousticModel', input.acousticModelId),
  languageModelId: decodeNodeId('LanguageModel', input.languageModelId),
})

const toResult = (created: DeploymentRow | ExpectedError) => (created instanceof ExpectedError ? created : { deployment: created }) as never
