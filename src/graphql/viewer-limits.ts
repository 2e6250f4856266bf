import { countKeys } from '../access/key.ts'
import { countDeployments } from '../domain/deployment.ts'
import { type DiskUsage, readDiskUsage } from '../domain/disk-usage.ts'
import { countOwnModels } from '../domain/model.ts'
import { type RateState, rateWindowSeconds } from '../domain/mutation-rate.ts'
import { countUnusedUploads } from '../domain/upload.ts'
import { maxDocumentBytes, maxNesting, maxTokens } from '../graphql-limits/document-limits.ts'
import { introspectionLimit } from '../graphql-limits/introspection-cost.ts'
import { maxJsonNesting, maxJsonValues } from '../graphql-limits/json-limits.ts'
import { documentLimits } from '../graphql-limits/operation-limits.ts'
import { maxRequestBytes, maxSocketMessageBytes } from '../graphql-limits/transport-limits.ts'
import { builder } from './builder.ts'
import { maxNodes } from './node.ts'

const Quota = builder.objectRef<{ limit: number; used: () => Promise<number> }>('Quota').implement({
  description: 'How many there may be and how many there are.',
  fields: (t) => ({
    limit: t.exposeInt('limit', { description: 'How many there may be.' }),
    used: t.int({ description: 'How many there are.', resolve: (quota) => quota.used() }),
  }),
})

/** Read once for all fields that are asked for, and not at all for the limit alone. */
const DiskQuota = builder.objectRef<{ limitBytes: number; read: () => Promise<DiskUsage> }>('DiskQuota').implement({
  description: 'Bytes of the uploads of the workspace and of its custom models, with what they were made from. The same content counts once.',
  fields: (t) => ({
    limitBytes: t.exposeFloat('limitBytes', { description: 'Bytes that the workspace can keep; a whole number.' }),
    usedBytes: t.float({ description: 'Bytes that it keeps; a whole number.', resolve: async (disk) => (await disk.read()).bytes }),
    unusedUploadBytes: t.float({
      description: 'Of these, bytes of uploads that no model uses, which `deleteUpload` frees; a whole number.',
      resolve: async (disk) => (await disk.read()).unusedUploadBytes,
    }),
  }),
})

const Rate = builder.objectRef<RateState>('Rate').implement({
  description: 'How many requests are accepted within a time. The limit fills evenly; all of it can be used at once.',
  fields: (t) => ({
    limit: t.exposeInt('limit', { description: 'Requests within the time, and at once.' }),
    windowSeconds: t.int({ description: 'The time, in seconds.', resolve: () => rateWindowSeconds }),
    remaining: t.exposeInt('remaining', { description: 'Requests that are accepted at this moment.' }),
    resetSeconds: t.exposeInt('resetSeconds', { description: 'Seconds until the whole limit can be used again, if nothing is sent.' }),
  }),
})

const MutationRateType = builder.objectRef<RateState[]>('MutationRate').implement({
  description:
    'How many mutations and uploads are accepted. Each root field of a mutation counts, and each `PUT /uploads`. Each server process counts for itself.',
  fields: (t) => ({
    key: t.field({ type: Rate, description: 'Of the key of the caller.', resolve: (states) => findRate(states, 'key') }),
    workspace: t.field({ type: Rate, description: 'Of all keys of the workspace together.', resolve: (states) => findRate(states, 'workspace') }),
  }),
})

function findRate(states: readonly RateState[], scope: RateState['scope']): RateState {
  const found = states.find((state) => state.scope === scope)
  if (!found) throw new Error(`no rate of a ${scope}`)
  return found
}

const DocumentLimits = builder.objectRef<object>('DocumentLimits').implement({
  description: 'What one GraphQL document and the request around it can have. Larger ones are refused with `OPERATION_TOO_LARGE` or `REQUEST_TOO_LARGE`.',
  fields: (t) => ({
    requestBytes: t.int({ description: 'Bytes of one HTTP request, variables included.', resolve: () => maxRequestBytes }),
    socketMessageBytes: t.int({ description: 'Bytes of one message over WebSocket.', resolve: () => maxSocketMessageBytes }),
    jsonValues: t.int({ description: 'Values in the JSON of one request or message.', resolve: () => maxJsonValues }),
    jsonNesting: t.int({ description: 'Levels of objects and lists in the JSON of one request or message.', resolve: () => maxJsonNesting }),
    documentBytes: t.int({ description: 'Bytes of the document itself (`query`).', resolve: () => maxDocumentBytes }),
    tokens: t.int({ description: 'Tokens of the document.', resolve: () => maxTokens }),
    nesting: t.int({ description: 'Levels of braces, brackets and parentheses in the document.', resolve: () => maxNesting }),
    definitions: t.int({ description: 'Operations and fragments.', resolve: () => documentLimits.definitions }),
    fragmentSpreads: t.int({ description: 'Spreads of fragments.', resolve: () => documentLimits['fragment spreads'] }),
    variables: t.int({ description: 'Variables that the document declares.', resolve: () => documentLimits.variables }),
    selections: t.int({ description: 'Selections, before fragments are spread.', resolve: () => documentLimits.selections }),
    aliases: t.int({ description: 'Fields with an alias.', resolve: () => documentLimits.aliases }),
    directives: t.int({ description: 'Directives.', resolve: () => documentLimits.directives }),
    repeats: t.int({ description: 'Selections of one field or fragment in one place.', resolve: () => documentLimits.repeats }),
    introspectionFields: t.int({
      description: 'Fields that introspection can answer.',
      resolve: (_, __, ___, { schema }) => introspectionLimit(schema),
    }),
    introspectionDepth: t.int({ description: 'Levels of introspection.', resolve: () => documentLimits.introspectionDepth }),
    nodes: t.int({ description: 'Ids of one `nodes` field.', resolve: () => maxNodes }),
  }),
})

const UploadLimits = builder.objectRef<object>('UploadLimits').implement({
  description: 'What `PUT /uploads` accepts.',
  fields: (t) => ({
    bytes: t.float({ description: 'Bytes of one file, unpacked; a whole number.', resolve: (_, __, { shownLimits }) => shownLimits.upload.bytes }),
    atOnce: t.int({ description: 'Files that one server process receives at the same time.', resolve: (_, __, { shownLimits }) => shownLimits.upload.atOnce }),
  }),
})

const SpeechLimits = builder.objectRef<object>('SpeechLimits').implement({
  description: 'What endpoints accept. Where processes have different settings, these are of the process that answers this query.',
  fields: (t) => ({
    sessions: t.int({ description: 'Streams and recordings that one process recognizes at once.', resolve: (_, __, ctx) => ctx.shownLimits.speech.sessions }),
    sessionsPerKey: t.int({ description: 'Of these, with one key.', resolve: (_, __, ctx) => ctx.shownLimits.speech.sessionsPerKey }),
    sessionsPerDeployment: t.int({ description: 'Of these, of one deployment.', resolve: (_, __, ctx) => ctx.shownLimits.speech.sessionsPerDeployment }),
    shortAudioSeconds: t.int({
      description: 'Seconds of a recording that is sent to an endpoint with `POST`.',
      resolve: (_, __, ctx) => ctx.shownLimits.speech.shortAudioSeconds,
    }),
    transcriptionSeconds: t.int({
      description: 'Seconds of a recording for `/v1/audio/transcriptions`.',
      resolve: (_, __, ctx) => ctx.shownLimits.speech.transcriptionSeconds,
    }),
    transcriptionBytes: t.int({
      description: 'Bytes of a recording for `/v1/audio/transcriptions`.',
      resolve: (_, __, ctx) => ctx.shownLimits.speech.transcriptionBytes,
    }),
  }),
})

export const Limits = builder.objectRef<object>('Limits').implement({
  description: 'What the workspace, one operation and one connection can use. Every limit that refuses something is here.',
  fields: (t) => ({
    deployments: t.field({
      type: Quota,
      description: 'Deployments of the workspace.',
      resolve: (_, __, ctx) => ({ limit: ctx.limits.deployments, used: () => countDeployments(ctx, {}) }),
    }),
    models: t.field({
      type: Quota,
      description: 'Custom models of the workspace.',
      resolve: (_, __, ctx) => ({ limit: ctx.limits.models, used: () => countOwnModels(ctx) }),
    }),
    uploads: t.field({
      type: Quota,
      description: 'Uploads of the workspace that no model was made from yet.',
      resolve: (_, __, ctx) => ({ limit: ctx.limits.uploads, used: () => countUnusedUploads(ctx) }),
    }),
    keys: t.field({
      type: Quota,
      description: 'Keys of the workspace that still open it.',
      resolve: (_, __, ctx) => ({ limit: ctx.limits.keys, used: () => countKeys(ctx) }),
    }),
    disk: t.field({
      type: DiskQuota,
      description: 'Bytes that the workspace keeps on disk.',
      resolve(_, __, { store, viewer, limits }) {
        let usage: Promise<DiskUsage> | undefined
        const read = () => {
          usage ??= readDiskUsage(store.db, viewer.workspaceId)
          return usage
        }
        return { limitBytes: limits.diskBytes, read }
      },
    }),
    mutations: t.field({
      type: MutationRateType,
      description: 'Mutations and uploads per minute. Those over the limit are refused with `RATE_LIMITED`.',
      resolve: (_, __, { mutationRate, viewer }) => mutationRate.read(viewer),
    }),
    upload: t.field({ type: UploadLimits, description: 'One upload, and uploads at the same time.', resolve: () => ({}) }),
    speech: t.field({ type: SpeechLimits, description: 'Streams and recordings.', resolve: () => ({}) }),
    document: t.field({ type: DocumentLimits, description: 'One GraphQL document.', resolve: () => ({}) }),
    pageSize: t.int({ description: 'Rows of a page.', resolve: () => 100 }),
    operationCost: t.int({
      description: 'What one operation may cost. Each field costs 1, and everything inside a list as often as the list may have rows.',
      resolve: (_, __, ctx) => ctx.operationLimits.cost,
    }),
    operationDepth: t.int({ description: 'How deep one operation may be nested.', resolve: (_, __, ctx) => ctx.operationLimits.depth }),
    streamsPerKey: t.int({
      description: 'WebSockets and event streams that one key may hold open.',
      resolve: (_, __, ctx) => ctx.operationLimits.socketsPerKey,
    }),
    subscriptionsPerSocket: t.int({
      description: 'Subscriptions that one WebSocket may hold.',
      resolve: (_, __, ctx) => ctx.operationLimits.subscriptionsPerSocket,
    }),
  }),
})
