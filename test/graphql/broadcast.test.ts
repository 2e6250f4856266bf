// The part between a log and its watchers, on a real Postgres, with peers that can be slow.
import { type ExecutionResult, parse } from 'graphql'
import { afterAll, beforeAll, expect, inject, onTestFinished, test, vi } from 'vitest'
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
import { cloneDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

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

/** Counts the statements that read logs, the statements that look up what is inside events, and the results that are made. */
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
  const subscribe = async <Change>(query: string, variableValues: object, backlog = () => 0) => {
    const operation: Operation = { query, schema, document: parse(query), variableValues: { ...variableValues }, viewer, contextValue: toContext() }
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
    watch: (id: string, after?: string, backlog?: () => number) =>
      subscribe<{ sequence: number; deployment: { status: string; sequence: number } }>(deploymentQuery, { id: idOf('Deployment', id), after }, backlog),
    watchWorkspace: (after: string) => subscribe<{ sequence: number }>(workspaceQuery, { after }),
    /** As a stream that is not shared. */
    watchAlone: async (id: string, after?: string) => {
      const watch = await watchDeployments(toContext(), { id, after })
      if (!(watch instanceof Watch)) throw new Error('it is refused')
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

const deploymentQuery =
  'subscription ($id: ID!, $after: String) { changed: deploymentStatusChanged(deploymentId: $id, after: $after) { ... on DeploymentStatusChange { sequence deployment { status sequence } } } }'
const workspaceQuery =
  'subscription ($after: String) { changed: deploymentStatusChanged(after: $after) { ... on DeploymentStatusChange { sequence deployment { status } } } }'
const modelQuery =
  'subscription ($id: ID, $after: String) { changed: modelStatusChanged(modelId: $id, after: $after) { ... on ModelStatusChange { modelId sequence model { id } } } }'

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

/** Records many changes in one transaction, round after round over the rows. */
const pour = (rows: readonly string[], changes: number) =>
  store.db.transaction(async (tx) => {
    for (let n = 0; n < changes; n++)
      await recordChange(tx, { deploymentId: rows[n % rows.length] ?? '', workspaceId, attempt: 1 }, { status: 'PROVISIONING', message: 'moved' })
  })

const sequences = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n)
const start = Buffer.from('event:0').toString('base64url')

test('a hundred watchers cost one statement and one result per event, whatever their cursors', async () => {
  const { watch, counts } = openBroadcasts()
  const id = await createRow()
  await move(id, 'PROVISIONING')
  const watchers = await Promise.all(Array.from({ length: 100 }, (_, n) => watch(id, n % 2 ? start : undefined)))
  await until(() => watchers.every(({ seen }) => seen.at(-1)?.sequence === 2))
  const before = { ...counts }
  for (let n = 3; n <= 12; n++) {
    await move(id, 'PROVISIONING')
    await until(() => watchers.every(({ seen }) => seen.at(-1)?.sequence === n))
  }
  expect(counts.statements - before.statements).toBeLessThanOrEqual(12)
  expect(counts.results - before.results).toBe(10)
  for (const [n, { seen }] of watchers.entries()) expect(seen.map(({ sequence }) => sequence)).toEqual(sequences(n % 2 ? 1 : 2, 12))
  for (const { leave } of watchers) leave()
})

test('fifty watchers of models cost one statement and one result per event, and each sees each event once, in order', async () => {
  const { watchModels, counts } = openBroadcasts()
  const [one, other] = [await createModel(), await createModel()]
  const watchers = await Promise.all(Array.from({ length: 50 }, (_, n) => watchModels({ after: n % 2 ? start : undefined })))
  await until(() => watchers.every(({ seen }, n) => seen.length === (n % 2 ? 2 : 0)))
  const before = { ...counts }
  for (let n = 1; n <= 10; n++) {
    await build(n % 2 ? one : other, n < 9 ? 'BUILDING' : 'READY')
    await until(() => watchers.every(({ seen }, at) => seen.length === n + (at % 2 ? 2 : 0)))
  }
  expect(counts.statements - before.statements).toBeLessThanOrEqual(12)
  expect(counts.results - before.results).toBe(10)
  for (const [n, { seen, ended }] of watchers.entries()) {
    expect(ended).toBe(false)
    expect(seen.filter(({ modelId }) => modelId === seen[0]?.modelId).map(({ sequence }) => sequence)).toEqual(sequences(n % 2 ? 1 : 2, 6))
    expect(seen.map(({ modelId }) => modelId)).toEqual(seen.map((_, at) => seen[at % 2]?.modelId))
  }
  for (const { leave } of watchers) leave()
})

test('watchers of one model share its log and end with it', async () => {
  const { watchModels, counts } = openBroadcasts()
  const id = await createModel()
  const watchers = await Promise.all(Array.from({ length: 50 }, (_, n) => watchModels({ id, after: n % 2 ? start : undefined })))
  await build(id, 'BUILDING')
  await build(id, 'READY')
  await until(() => watchers.every(({ ended }) => ended))
  for (const { seen } of watchers) expect(seen.map(({ sequence }) => sequence)).toEqual(sequences(1, 3))
  expect(counts.statements).toBeLessThanOrEqual(10)
})

test('the deployment inside an event is never older than the event', async () => {
  const { watch } = openBroadcasts()
  const id = await createRow()
  const watchers = await Promise.all([watch(id), watch(id, start)])
  for (let n = 0; n < 20; n++) await move(id, 'PROVISIONING')
  await move(id, 'COMPLETE')
  await until(() => watchers.every(({ ended }) => ended))
  for (const { seen } of watchers) {
    for (const change of seen) expect(change.deployment.sequence).toBeGreaterThanOrEqual(change.sequence)
    expect(seen.at(-1)?.deployment.status).toBe('COMPLETE')
  }
})

test('watchers who come and go while events pour see each once, in order, to the end', async () => {
  const { watch } = openBroadcasts()
  const id = await createRow()
  const pouring = (async () => {
    for (let n = 0; n < 150; n++) await move(id, 'PROVISIONING')
    await move(id, 'FAILED')
  })()
  const staying: Awaited<ReturnType<typeof watch>>[] = []
  const gone: Awaited<ReturnType<typeof watch>>[] = []
  let isOver = false
  void pouring.then(() => (isOver = true))
  for (let n = 0; !isOver; n++) {
    const watcher = await watch(id, n % 3 ? start : undefined)
    if (n % 4) staying.push(watcher)
    else gone.push(watcher)
    if (n % 2) await new Promise((soon) => setTimeout(soon, n % 7))
    for (const one of gone) if (Math.random() < 0.3) one.leave()
  }
  await pouring
  await until(() => staying.every(({ ended }) => ended))
  expect(staying.length).toBeGreaterThan(20)
  for (const { seen } of [...staying, ...gone]) {
    const from = seen[0]?.sequence ?? 1
    expect(seen.map(({ sequence }) => sequence)).toEqual(sequences(from, from + seen.length - 1))
  }
  for (const { seen } of staying) expect(seen.at(-1)?.sequence).toBe(152)
  for (const { leave } of gone) leave()
})

test('a cursor behind a failure that was tried again goes on to the end; one behind the end ends at once', async () => {
  const { watch } = openBroadcasts()
  const id = await createRow()
  for (const status of ['PROVISIONING', 'FAILED', 'QUEUED', 'PROVISIONING'] as const) await move(id, status)
  const watcher = await watch(id, start)
  await until(() => watcher.seen.length === 5)
  expect(watcher.ended).toBe(false)
  await move(id, 'COMPLETE')
  await until(() => watcher.ended)
  expect(watcher.seen.map(({ sequence }) => sequence)).toEqual(sequences(1, 6))
  const position = await deploymentLog.readPosition(store.db, workspaceId)
  const late = await watch(id, encodeEventCursor('deployment', { workspaceId, position }))
  await until(() => late.ended)
  expect(late.seen).toEqual([])
})

test('one that takes nothing is let go while the others go on', async () => {
  const { watch } = openBroadcasts()
  const id = await createRow()
  let waiting = 0
  const [quick, slow] = await Promise.all([watch(id), watch(id, undefined, () => waiting)])
  await until(() => quick.seen.length === 1 && slow.seen.length === 1)
  await move(id, 'PROVISIONING')
  await until(() => slow.seen.length === 2)
  waiting = 10 ** 6
  await move(id, 'COMPLETE')
  await until(() => quick.ended && slow.slow)
  expect(quick.seen).toHaveLength(3)
  expect(slow).toMatchObject({ ended: false, seen: [{ sequence: 1 }, { sequence: 2 }] })
})

test('watchers of two hundred deployments share statements and look-ups: when they come, when all change in one commit, and when one changes', async () => {
  const { watch, counts } = openBroadcasts()
  const rows = await Promise.all(Array.from({ length: 200 }, createRow))
  const watchers = await Promise.all(rows.map((id) => watch(id)))
  await until(() => watchers.every(({ seen }) => seen.length === 1))
  // Those that come together share their first statements, too.
  expect(counts.statements).toBeLessThanOrEqual(10)
  expect(counts.lookUps).toBeLessThanOrEqual(10)
  let before = { ...counts }
  await pour(rows, 200)
  await until(() => watchers.every(({ seen }) => seen.length === 2))
  expect(counts.statements - before.statements).toBeLessThanOrEqual(4)
  expect(counts.lookUps - before.lookUps).toBeLessThanOrEqual(4)
  expect(counts.results - before.results).toBe(200)
  before = { ...counts }
  await pour(rows.slice(7, 8), 1)
  await until(() => watchers[7]?.seen.length === 3)
  expect(counts.statements - before.statements).toBe(1)
  expect(counts.results - before.results).toBe(1)
  for (const { leave } of watchers) leave()
})

test('a watcher of one deployment sees all of its changes while a thousand others pass by', async () => {
  const { watch, watchAlone } = openBroadcasts()
  const [own = '', ...others] = await Promise.all(Array.from({ length: 4 }, createRow))
  const watchers = [await watch(own), await watch(own, start), await watchAlone(own), await watchAlone(own, start)]
  await until(() => watchers.every(({ seen }) => seen.length === 1))
  for (let n = 2; n <= 5; n++) {
    // More than is kept in memory, twice in one go and twice little by little.
    for (let part = 0; part < 2; part++) await pour(others, n % 2 ? 300 : 30)
    await pour([own], 1)
    await until(() => watchers.every(({ seen }) => seen.at(-1)?.sequence === n))
  }
  await pour(others, 300)
  await move(own, 'COMPLETE')
  await until(() => watchers.every(({ ended }) => ended))
  for (const { seen } of watchers) expect(seen.map(({ sequence }) => sequence)).toEqual(sequences(1, 6))
})

test('a thousand changes are replayed in some batches that share their look-ups', async () => {
  const { watch, watchWorkspace, counts } = openBroadcasts()
  const rows = await Promise.all(Array.from({ length: 5 }, createRow))
  const position = await deploymentLog.readPosition(store.db, workspaceId)
  await pour(rows, 1000)
  const after = encodeEventCursor('deployment', { workspaceId, position })
  const all = await watchWorkspace(after)
  await until(() => all.seen.length === 1000)
  expect(counts.statements).toBeLessThanOrEqual(8)
  expect(counts.lookUps).toBeLessThanOrEqual(25)
  const one = await watch(rows[0] ?? '', after)
  await until(() => one.seen.length === 200)
  expect(one.seen.map(({ sequence }) => sequence)).toEqual(sequences(2, 201))
  expect(all.seen.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 1000 }, (_, n) => 2 + Math.floor(n / 5)))
})

test('models inside replayed changes are looked up together', async () => {
  const { watchModels, counts } = openBroadcasts()
  const position = await modelLog.readPosition(store.db, workspaceId)
  for (let n = 0; n < 40; n++) await createModel()
  const watcher = await watchModels({ after: encodeEventCursor('model', { workspaceId, position }) })
  await until(() => watcher.seen.length === 40)
  expect(counts.lookUps).toBe(1)
})

test('feeds of many workspaces are read in one statement when all are rung at once', async () => {
  const spy = vi.spyOn(deploymentLog, 'selectMany')
  onTestFinished(() => spy.mockRestore())
  const rings = new Set<() => void>()
  const watch = (_: string, ring: () => void) => {
    rings.add(ring)
    return () => void rings.delete(ring)
  }
  const feeds = openFeeds({ db: store.db, events: { ...store.events, watch } }, openLog('silent'))
  onTestFinished(feeds.close)
  const rows = await store.db
    .insert(workspaces)
    .values(Array.from({ length: 50 }, (_, n) => ({ name: `Watched ${n}` })))
    .returning()
  await Promise.all(rows.map(({ id }) => feeds.of(deploymentLog, { workspaceId: id }).refresh()))
  spy.mockClear()
  for (const ring of rings) ring()
  await until(() => spy.mock.settledResults.length > 0)
  expect(rings.size).toBe(50)
  expect(spy).toHaveBeenCalledTimes(1)
  expect(spy.mock.calls[0]?.[1]).toHaveLength(50)
})
