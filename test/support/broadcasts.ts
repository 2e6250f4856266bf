// Broadcasts of a real Postgres to peers that a test controls.
import { type ExecutionResult, parse } from 'graphql'
import { afterAll, beforeAll, inject, onTestFinished, vi } from 'vitest'
import type { Context } from '../../src/domain/context.ts'
import { createDeploymentLoader } from '../../src/domain/deployment.ts'
import { deploymentLog, recordChange } from '../../src/domain/deployment-lifecycle.ts'
import { createChosenModelLoader } from '../../src/domain/model.ts'
import { modelLifecycle, modelLog } from '../../src/domain/model-lifecycle.ts'
import { Watch, watchDeployments } from '../../src/domain/subscription.ts'
import type { GraphQLContext } from '../../src/graphql/builder.ts'
import { schema } from '../../src/graphql/schema.ts'
import { createBroadcasts } from '../../src/graphql-server/broadcast.ts'
import { chooseDelivery } from '../../src/graphql-server/delivery.ts'
import type { Operation } from '../../src/graphql-server/operation.ts'
import type { Peer } from '../../src/graphql-server/peer.ts'
import { encodeEventCursor } from '../../src/lifecycle/event-cursor.ts'
import { openFeeds } from '../../src/lifecycle/event-feed.ts'
import { allJobs } from '../../src/lifecycle/job-definitions.ts'
import { openLog } from '../../src/log.ts'
import { deployments } from '../../src/postgres/deployment-tables.ts'
import { openStore, type Store } from '../../src/postgres/store.ts'
import { models, workspaces } from '../../src/postgres/tables.ts'
import { cloneDatabase } from './postgres.ts'

const deploymentQuery =
  'subscription ($id: ID!, $after: String) { changed: deploymentStatusChanged(deploymentId: $id, after: $after) { ... on DeploymentStatusChange { sequence deployment { status sequence } } } }'
const workspaceQuery =
  'subscription ($after: String) { changed: deploymentStatusChanged(after: $after) { ... on DeploymentStatusChange { sequence deployment { status } } } }'
const modelQuery =
  'subscription ($id: ID, $after: String) { changed: modelStatusChanged(modelId: $id, after: $after) { ... on ModelStatusChange { modelId sequence model { id } } } }'

/** The numbers of a sequence of changes. */
export const sequences = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n)

/** The cursor before the first change. */
export const start = Buffer.from('event:0').toString('base64url')

/** A database with one workspace and one model for the tests of a file, and the means to change and to watch rows. */
export function useBroadcasts() {
  let store: Store
  let drop: () => Promise<void>
  let workspaceId: string
  let modelId: string

  beforeAll(async () => {
    const database = await cloneDatabase(inject('postgresUrl'))
    drop = database.drop
    store = await openStore({ databaseUrl: database.url, dataDir: '' }, allJobs, openLog('silent'))
    const [workspace] = await store.db.insert(workspaces).values({ name: 'Watched' }).returning()
    const [model] = await store.db
      .insert(models)
      .values({ id: crypto.randomUUID(), kind: 'ACOUSTIC', locale: 'en-US', scenario: 'CONVERSATIONAL', name: 'm', description: '', license: '', files: [] })
      .returning()
    workspaceId = workspace?.id ?? ''
    modelId = model?.id ?? ''
  })
  afterAll(async () => {
    await store.close()
    await drop()
  })

  /** Counts the statements that read logs, the statements that load objects inside events, and the encoded results. */
  function openBroadcasts() {
    const counts = { statements: 0, lookUps: 0, results: 0 }
    for (const log of [deploymentLog, modelLog]) {
      const { selectMany } = log
      const spy = vi.spyOn(log, 'selectMany').mockImplementation((...args) => {
        counts.statements++
        return selectMany(...args) as never
      })
      onTestFinished(() => spy.mockRestore())
    }
    const db = new Proxy(store.db, {
      get(target, name, receiver) {
        if (name === 'select') counts.lookUps++
        const value = Reflect.get(target, name, receiver)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const feeds = openFeeds(store, openLog('silent'))
    onTestFinished(feeds.close)
    const viewer = { workspaceId, keyId: crypto.randomUUID(), scopes: ['READ'], isBootstrap: false, expiresAt: null } as Context['viewer']
    const toContext = () => {
      const context = { store: { ...store, db }, feeds, viewer } as unknown as Context
      return { ...context, loadDeployment: createDeploymentLoader(context), loadChosenModel: createChosenModelLoader(context) } as GraphQLContext
    }
    const broadcasts = createBroadcasts(toContext, (error) => error)
    const format = (result: ExecutionResult) => {
      counts.results++
      return JSON.stringify(result)
    }
    const toOperation = (query: string, variableValues: object): Operation => ({
      query,
      schema,
      document: parse(query),
      variableValues: { ...variableValues },
      viewer,
      contextValue: toContext(),
    })
    const subscribe = async <Change>(query: string, variableValues: object, backlog = () => 0) => {
      const operation = toOperation(query, variableValues)
      const delivery = await chooseDelivery(operation)
      if (delivery.path !== 'broadcast') throw new Error('the delivery is not a broadcast')
      const seen: Change[] = []
      const state = { seen, ended: false, slow: false, leave: () => {} }
      const peer: Peer = {
        format,
        send: (text) => void seen.push(JSON.parse(text).data.changed),
        backlog,
        endSlow: () => (state.slow = true),
        end: () => (state.ended = true),
      }
      state.leave = broadcasts.join(operation, delivery.watch, peer)
      return state
    }
    const idOf = (type: string, id: string) => Buffer.from(`${type}:${id}`).toString('base64')
    return {
      counts,
      choosePath: async (query: string, variableValues: object) => (await chooseDelivery(toOperation(query, variableValues))).path,
      watch: (id: string, after?: string, backlog?: () => number) =>
        subscribe<{ sequence: number; deployment: { status: string; sequence: number } }>(deploymentQuery, { id: idOf('Deployment', id), after }, backlog),
      watchWorkspace: (after: string) => subscribe<{ sequence: number }>(workspaceQuery, { after }),
      /** Reads a watch directly, as the execution per subscriber does. */
      watchAlone: async (id: string, after?: string) => {
        const watch = await watchDeployments(toContext(), { id, after })
        if (!(watch instanceof Watch)) throw new Error('the watch is refused')
        const state = { seen: [] as { sequence: number }[], ended: false }
        void (async () => {
          for await (const event of watch) state.seen.push(event)
          state.ended = true
        })()
        return state
      },
      watchModels: ({ id, after }: { id?: string; after?: string | undefined }) =>
        subscribe<{ modelId: string; sequence: number }>(modelQuery, { ...(id && { id: idOf('LanguageModel', id) }), after }),
    }
  }

  async function createRow() {
    return store.db.transaction(async (tx) => {
      const values = { workspaceId, name: crypto.randomUUID(), description: '', locale: 'en-US', acousticModelId: modelId, languageModelId: modelId }
      const [row] = await tx
        .insert(deployments)
        .values({ ...values, status: 'QUEUED', sequence: 1 })
        .returning()
      if (!row) throw new Error('no row')
      await deploymentLog.record(tx, row, null, 'made')
      return row.id
    })
  }

  const move = (id: string, status: 'QUEUED' | 'PROVISIONING' | 'COMPLETE' | 'FAILED') =>
    recordChange(store.db, { deploymentId: id, workspaceId, attempt: 1 }, { status, message: 'moved' })

  async function createModel() {
    return store.db.transaction(async (tx) => {
      const values = { workspaceId, kind: 'LANGUAGE', locale: 'en-US', scenario: 'CONVERSATIONAL', description: '', license: '' } as const
      const [row] = await tx
        .insert(models)
        .values({ ...values, files: [], id: crypto.randomUUID(), name: crypto.randomUUID(), status: 'QUEUED', sequence: 1 })
        .returning()
      if (!row) throw new Error('no row')
      await modelLog.record(tx, { ...row, workspaceId }, null, 'made')
      return row.id
    })
  }

  const build = (modelId: string, status: 'BUILDING' | 'READY') =>
    modelLifecycle.recordChange(store.db, { modelId, workspaceId, attempt: 1 }, { status, message: 'built' })

  /** Records many changes in one transaction, each to the next row. */
  const pour = (rows: readonly string[], changes: number) =>
    store.db.transaction(async (tx) => {
      for (let n = 0; n < changes; n++)
        await recordChange(tx, { deploymentId: rows[n % rows.length] ?? '', workspaceId, attempt: 1 }, { status: 'PROVISIONING', message: 'moved' })
    })

  return {
    openBroadcasts,
    createRow,
    move,
    createModel,
    build,
    pour,
    /** The cursor after the newest change in the workspace. */
    newestCursor: async (log: typeof deploymentLog | typeof modelLog) =>
      encodeEventCursor(log.name, { workspaceId, position: await log.readPosition(store.db, workspaceId) }),
    getStore: () => store,
  }
}
