import { countKeys } from '../access/key.ts'
import { countDeployments } from '../domain/deployment.ts'
import { type DiskUsage, readDiskUsage } from '../domain/disk-usage.ts'
import { countOwnModels } from '../domain/model.ts'
import { type RateState, rateWindowSeconds } from '../domain/mutation-rate.ts'
import { countUnusedUploads } from '../domain/upload.ts'
import { countUnfinished, maxUnfinished } from '../evaluation/evaluation-creation.ts'
import { countTestSets, maxTestSets } from '../evaluation/test-set.ts'
import { maxDocumentBytes, maxNesting, maxTokens } from '../graphql-limits/document-limits.ts'
import { introspectionLimit } from '../graphql-limits/introspection-cost.ts'
import { maxJsonNesting, maxJsonValues } from '../graphql-limits/json-limits.ts'
import { documentLimits } from '../graphql-limits/operation-limits.ts'
import { maxRequestBytes, maxSocketMessageBytes } from '../graphql-limits/transport-limits.ts'
import { builder } from './builder.ts'
import { maxNodes } from './node-id.ts'

const Quota = builder.objectRef<{ limit: number; used: () => Promise<number> }>('Quota').implement({
  description: 'A maximum number and the number in use.',
  fields: (t) => ({
    limit: t.exposeInt('limit', { description: 'The maximum number.' }),
    used: t.int({ description: 'The number in use.', resolve: (quota) => quota.used() }),
  }),
})

/** `read` runs once for all selected fields, and not for `limitBytes` alone. */
const DiskQuota = builder.objectRef<{ limitBytes: number; read: () => Promise<DiskUsage> }>('DiskQuota').implement({
  description:
    'The disk space of the workspace: the bytes of its uploads, of its custom models, and of the files and texts that those models were built from. The same content counts once.',
  fields: (t) => ({
    limitBytes: t.exposeFloat('limitBytes', { description: 'The maximum number of bytes that the workspace can keep; a whole number.' }),
    usedBytes: t.float({ description: 'The number of bytes that the workspace keeps; a whole number.', resolve: async (disk) => (await disk.read()).bytes }),
    unusedUploadBytes: t.float({
      description: 'The part of `usedBytes` in uploads that no model or test set uses, which `deleteUpload` frees; a whole number.',
      resolve: async (disk) => (await disk.read()).unusedUploadBytes,
    }),
  }),
})

const Rate = builder.objectRef<RateState>('Rate').implement({
  description: 'The number of requests that the server accepts within a time window. The capacity refills evenly. A client can use the whole capacity at once.',
  fields: (t) => ({
    limit: t.exposeInt('limit', { description: 'The maximum number of requests within the window, which is also the maximum number at once.' }),
    windowSeconds: t.int({ description: 'The length of the window in seconds.', resolve: () => rateWindowSeconds }),
    remaining: t.exposeInt('remaining', { description: 'The number of requests that the server accepts at this moment.' }),
    resetSeconds: t.exposeInt('resetSeconds', {
      description: 'The number of seconds until the whole limit is available again, if the client sends no requests.',
    }),
  }),
})

const MutationRateType = builder.objectRef<RateState[]>('MutationRate').implement({
  description:
    'The accepted rate of mutations and uploads. Each root field of a mutation and each `PUT /uploads` counts. Each server process counts separately.',
  fields: (t) => ({
    key: t.field({ type: Rate, description: 'The rate for the key of the caller.', resolve: (states) => findRate(states, 'key') }),
    workspace: t.field({ type: Rate, description: 'The rate for all keys of the workspace together.', resolve: (states) => findRate(states, 'workspace') }),
  }),
})

function findRate(states: readonly RateState[], scope: RateState['scope']): RateState {
  const found = states.find((state) => state.scope === scope)
  if (!found) throw new Error(`no rate of a ${scope}`)
  return found
}

const DocumentLimits = builder.objectRef<object>('DocumentLimits').implement({
  description:
    'The limits of one GraphQL document and of its request. The server refuses larger documents and requests with `OPERATION_TOO_LARGE` or `REQUEST_TOO_LARGE`.',
  fields: (t) => ({
    requestBytes: t.int({ description: 'The maximum number of bytes of one HTTP request, including variables.', resolve: () => maxRequestBytes }),
    socketMessageBytes: t.int({ description: 'The maximum number of bytes of one WebSocket message.', resolve: () => maxSocketMessageBytes }),
    jsonValues: t.int({ description: 'The maximum number of values in the JSON of one request or message.', resolve: () => maxJsonValues }),
    jsonNesting: t.int({
      description: 'The maximum number of levels of objects and lists in the JSON of one request or message.',
      resolve: () => maxJsonNesting,
    }),
    documentBytes: t.int({ description: 'The maximum number of bytes of the document (`query`).', resolve: () => maxDocumentBytes }),
    tokens: t.int({ description: 'The maximum number of tokens in the document.', resolve: () => maxTokens }),
    nesting: t.int({ description: 'The maximum number of levels of braces, brackets and parentheses in the document.', resolve: () => maxNesting }),
    definitions: t.int({ description: 'The maximum number of operations and fragments.', resolve: () => documentLimits.definitions }),
    fragmentSpreads: t.int({ description: 'The maximum number of fragment spreads.', resolve: () => documentLimits['fragment spreads'] }),
    variables: t.int({ description: 'The maximum number of variables that the document declares.', resolve: () => documentLimits.variables }),
    selections: t.int({ description: 'The maximum number of selections, before fragments are spread.', resolve: () => documentLimits.selections }),
    aliases: t.int({ description: 'The maximum number of fields with an alias.', resolve: () => documentLimits.aliases }),
    directives: t.int({ description: 'The maximum number of directives.', resolve: () => documentLimits.directives }),
    repeats: t.int({ description: 'The maximum number of selections of one field or fragment in one place.', resolve: () => documentLimits.repeats }),
    introspectionFields: t.int({
      description: 'The maximum number of fields that introspection can return.',
      resolve: (_, __, ___, { schema }) => introspectionLimit(schema),
    }),
    introspectionDepth: t.int({ description: 'The maximum number of levels of introspection.', resolve: () => documentLimits.introspectionDepth }),
    nodes: t.int({ description: 'The maximum number of ids of one `nodes` field.', resolve: () => maxNodes }),
  }),
})

const UploadLimits = builder.objectRef<object>('UploadLimits').implement({
  description: 'The limits of `PUT /uploads`.',
  fields: (t) => ({
    bytes: t.float({
      description: 'The maximum number of bytes of one unpacked file; a whole number.',
      resolve: (_, __, { shownLimits }) => shownLimits.upload.bytes,
    }),
    atOnce: t.int({
      description: 'The maximum number of files that one server process receives at the same time.',
      resolve: (_, __, { shownLimits }) => shownLimits.upload.atOnce,
    }),
  }),
})

const SpeechLimits = builder.objectRef<object>('SpeechLimits').implement({
  description: 'The limits of endpoints. If the settings of processes differ, the values are those of the process that answers this query.',
  fields: (t) => ({
    sessions: t.int({
      description: 'The maximum number of streams and recordings that one process recognizes at once.',
      resolve: (_, __, ctx) => ctx.shownLimits.speech.sessions,
    }),
    sessionsPerKey: t.int({
      description: 'The maximum number of these streams and recordings for one key.',
      resolve: (_, __, ctx) => ctx.shownLimits.speech.sessionsPerKey,
    }),
    sessionsPerDeployment: t.int({
      description: 'The maximum number of these streams and recordings for one deployment.',
      resolve: (_, __, ctx) => ctx.shownLimits.speech.sessionsPerDeployment,
    }),
    shortAudioSeconds: t.int({
      description: 'The maximum length in seconds of a recording that a client sends to an endpoint with `POST`.',
      resolve: (_, __, ctx) => ctx.shownLimits.speech.shortAudioSeconds,
    }),
    transcriptionSeconds: t.int({
      description: 'The maximum length in seconds of a recording for `/v1/audio/transcriptions`.',
      resolve: (_, __, ctx) => ctx.shownLimits.speech.transcriptionSeconds,
    }),
    transcriptionBytes: t.int({
      description: 'The maximum number of bytes of a recording for `/v1/audio/transcriptions`.',
      resolve: (_, __, ctx) => ctx.shownLimits.speech.transcriptionBytes,
    }),
  }),
})

export const Limits = builder.objectRef<object>('Limits').implement({
  description: 'The limits of the workspace, of one operation and of one connection. This type contains every limit that can cause a refusal.',
  fields: (t) => ({
    deployments: t.field({
      type: Quota,
      description: 'The number of deployments of the workspace.',
      resolve: (_, __, ctx) => ({ limit: ctx.limits.deployments, used: () => countDeployments(ctx) }),
    }),
    models: t.field({
      type: Quota,
      description: 'The number of custom models of the workspace.',
      resolve: (_, __, ctx) => ({ limit: ctx.limits.models, used: () => countOwnModels(ctx) }),
    }),
    testSets: t.field({
      type: Quota,
      description: 'The number of test sets of the workspace.',
      resolve: (_, __, ctx) => ({ limit: maxTestSets, used: () => countTestSets(ctx.store.db, ctx.viewer.workspaceId) }),
    }),
    evaluations: t.field({
      type: Quota,
      description: 'The number of unfinished evaluations of the workspace.',
      resolve: (_, __, ctx) => ({ limit: maxUnfinished, used: () => countUnfinished(ctx.store.db, ctx.viewer.workspaceId) }),
    }),
    uploads: t.field({
      type: Quota,
      description: 'The number of uploads of the workspace that no model or test set has used yet.',
      resolve: (_, __, ctx) => ({ limit: ctx.limits.uploads, used: () => countUnusedUploads(ctx) }),
    }),
    keys: t.field({
      type: Quota,
      description: 'The number of valid keys of the workspace.',
      resolve: (_, __, ctx) => ({ limit: ctx.limits.keys, used: () => countKeys(ctx) }),
    }),
    disk: t.field({
      type: DiskQuota,
      description: 'The disk space of the workspace.',
      resolve(_, __, { store, viewer, limits }) {
        let usage: Promise<DiskUsage> | undefined
        const read = () => {
          usage ??= readDiskUsage(store.longDb, viewer.workspaceId)
          return usage
        }
        return { limitBytes: limits.diskBytes, read }
      },
    }),
    mutations: t.field({
      type: MutationRateType,
      description: 'The number of mutations and uploads per minute. The server refuses requests over the limit with `RATE_LIMITED`.',
      resolve: (_, __, { mutationRate, viewer }) => mutationRate.read(viewer),
    }),
    upload: t.field({ type: UploadLimits, description: 'The limits of one upload and of simultaneous uploads.', resolve: () => ({}) }),
    speech: t.field({ type: SpeechLimits, description: 'The limits of streams and recordings.', resolve: () => ({}) }),
    document: t.field({ type: DocumentLimits, description: 'The limits of one GraphQL document.', resolve: () => ({}) }),
    pageSize: t.int({ description: 'The maximum number of rows on a page.', resolve: () => 100 }),
    operationCost: t.int({
      description:
        'The maximum cost of one operation. Each field costs 1. A list multiplies the cost of its content by the maximum number of rows in the list.',
      resolve: (_, __, ctx) => ctx.operationLimits.cost,
    }),
    operationDepth: t.int({ description: 'The maximum nesting depth of one operation.', resolve: (_, __, ctx) => ctx.operationLimits.depth }),
    streamsPerKey: t.int({
      description: 'The maximum number of open WebSockets and event streams of one key.',
      resolve: (_, __, ctx) => ctx.operationLimits.socketsPerKey,
    }),
    subscriptionsPerSocket: t.int({
      description: 'The maximum number of subscriptions on one WebSocket.',
      resolve: (_, __, ctx) => ctx.operationLimits.subscriptionsPerSocket,
    }),
  }),
})
