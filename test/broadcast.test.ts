// The part between a log and its watchers, on a real Postgres, with peers that can be slow.
import { parse } from 'graphql'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Context } from '../src/domain/context.ts'
import { createDeploymentLoader } from '../src/domain/deployment.ts'
import { encodeEventCursor } from '../src/domain/event-cursor.ts'
import { openFeeds } from '../src/domain/feed.ts'
import { allJobs } from '../src/domain/jobs.ts'
import { recordChange, recordEvent } from '../src/domain/status.ts'
import { createBroadcasts, type Peer } from '../src/graphql/broadcast.ts'
import type { GraphQLContext } from '../src/graphql/builder.ts'
import type { Operation } from '../src/graphql/operation.ts'
import { schema } from '../src/graphql/schema.ts'
import { openLog } from '../src/log.ts'
import { openStore, type Store } from '../src/postgres/store.ts'
import { deployments, models, workspaces } from '../src/postgres/tables.ts'
import { cloneDatabase } from './postgres.ts'
import { until } from './until.ts'

let store: Store
let drop: () => Promise<void>
let workspaceId: string
let modelId: string
let statements = 0
let executions = 0

beforeAll(async () => {
  const database = await cloneDatabase(inject('postgresUrl'))
  drop = database.drop
  store = await openStore({ databaseUrl: database.url, dataDir: '' }, allJobs, openLog('silent'))
  const [workspace] = await store.db.insert(workspaces).values({ name: 'Watched' }).returning()
  const [model] = await store.db
    .insert(models)
    .values({ id: crypto.randomUUID(), kind: 'ACOUSTIC', locale: 'en-US', scenario: 'CONVERSATIONAL', name: 'm', description: '', licence: '', files: [] })
    .returning()
  workspaceId = workspace?.id ?? ''
  modelId = model?.id ?? ''
})
afterAll(async () => {
  await store.close()
  await drop()
})

/** Counts the statements that read logs. */
function openBroadcasts() {
  const db = new Proxy(store.db, {
    get(target, name, receiver) {
      if (name === 'select') statements++
      const value = Reflect.get(target, name, receiver)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const feeds = openFeeds({ db, events: store.events }, openLog('silent'))
  const viewer = { workspaceId, keyId: crypto.randomUUID(), scopes: ['READ'], isBootstrap: false, expiresAt: null } as Context['viewer']
  const toContext = () => {
    executions++
    const context = { store, feeds, viewer } as Context
    return { ...context, loadDeployment: createDeploymentLoader(context) } as GraphQLContext
  }
  const broadcasts = createBroadcasts(toContext, (error) => error)
  const query =
    'subscription ($id: ID!, $after: String) { deploymentStatusChanged(deploymentId: $id, after: $after) { ... on DeploymentStatusChange { sequence deployment { status sequence } } } }'
  const document = parse(query)
  return {
    async watch(id: string, after?: string, backlog = () => 0) {
      const variableValues = { id: Buffer.from(`Deployment:${id}`).toString('base64'), after }
      const operation: Operation = { query, schema, document, variableValues, viewer, contextValue: toContext() }
      const watch = await broadcasts.open(operation)
      if (!watch) throw new Error('it is not shared')
      const seen: { sequence: number; deployment: { status: string; sequence: number } }[] = []
      const state = { seen, ended: false, slow: false, leave: () => {} }
      const peer: Peer = {
        format,
        send: (text) => void seen.push(JSON.parse(text).data.deploymentStatusChanged),
        backlog,
        endSlow: () => (state.slow = true),
        end: () => (state.ended = true),
      }
      state.leave = broadcasts.join(operation, watch, peer)
      return state
    },
  }
}

const format = JSON.stringify as Peer['format']

async function createRow() {
  return store.db.transaction(async (tx) => {
    const values = { workspaceId, name: crypto.randomUUID(), description: '', locale: 'en-US', acousticModelId: modelId, languageModelId: modelId }
    const [row] = await tx
      .insert(deployments)
      .values({ ...values, status: 'QUEUED', sequence: 1 })
      .returning()
    if (!row) throw new Error('no row')
    await recordEvent(tx, row, null, 'made')
    return row.id
  })
}

const move = (id: string, status: 'QUEUED' | 'PROVISIONING' | 'COMPLETE' | 'FAILED') =>
  recordChange(store.db, { deploymentId: id, workspaceId, attempt: 1 }, { status, message: 'moved' })

const sequences = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n)
const start = encodeEventCursor(0)

test('a hundred watchers cost one statement and one execution per event, whatever their cursors', async () => {
  const { watch } = openBroadcasts()
  const id = await createRow()
  await move(id, 'PROVISIONING')
  const watchers = await Promise.all(Array.from({ length: 100 }, (_, n) => watch(id, n % 2 ? start : undefined)))
  await until(() => watchers.every(({ seen }) => seen.at(-1)?.sequence === 2))
  const before = { statements, executions }
  for (let n = 3; n <= 12; n++) {
    await move(id, 'PROVISIONING')
    await until(() => watchers.every(({ seen }) => seen.at(-1)?.sequence === n))
  }
  expect(statements - before.statements).toBeLessThanOrEqual(12)
  expect(executions - before.executions).toBe(10)
  for (const [n, { seen }] of watchers.entries()) expect(seen.map(({ sequence }) => sequence)).toEqual(sequences(n % 2 ? 1 : 2, 12))
  for (const { leave } of watchers) leave()
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
  const late = await watch(id, encodeEventCursor(1_000_000))
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
