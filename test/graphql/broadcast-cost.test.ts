// The statements and executions of a shared broadcast, for many subscribers.
import { expect, onTestFinished, test, vi } from 'vitest'
import { deploymentLog } from '../../src/domain/deployment-lifecycle.ts'
import { modelLog } from '../../src/domain/model-lifecycle.ts'
import { openFeeds } from '../../src/lifecycle/event-feed.ts'
import { openLog } from '../../src/log.ts'
import { workspaces } from '../../src/postgres/tables.ts'
import { sequences, start, useBroadcasts } from '../support/broadcasts.ts'
import { until } from '../support/until.ts'

const { openBroadcasts, createRow, move, createModel, build, pour, newestCursor, getStore } = useBroadcasts()

test('a hundred subscribers of one deployment cost one statement and one execution per event, with and without a cursor', async () => {
  const { watch, counts } = openBroadcasts()
  const id = await createRow()
  await move(id, 'PROVISIONING')
  const subscribers = await Promise.all(Array.from({ length: 100 }, (_, n) => watch(id, n % 2 ? start : undefined)))
  await until(() => subscribers.every(({ seen }) => seen.at(-1)?.sequence === 2))
  const before = { ...counts }
  for (let n = 3; n <= 12; n++) {
    await move(id, 'PROVISIONING')
    await until(() => subscribers.every(({ seen }) => seen.at(-1)?.sequence === n))
  }
  expect(counts.statements - before.statements).toBeLessThanOrEqual(12)
  expect(counts.results - before.results).toBe(10)
  for (const [n, { seen }] of subscribers.entries()) expect(seen.map(({ sequence }) => sequence)).toEqual(sequences(n % 2 ? 1 : 2, 12))
  for (const { leave } of subscribers) leave()
})

test('fifty subscribers of all models cost one statement and one execution per event, and receive each event once in order', async () => {
  const { watchModels, counts } = openBroadcasts()
  const [one, other] = [await createModel(), await createModel()]
  const subscribers = await Promise.all(Array.from({ length: 50 }, (_, n) => watchModels({ after: n % 2 ? start : undefined })))
  await until(() => subscribers.every(({ seen }, n) => seen.length === (n % 2 ? 2 : 0)))
  const before = { ...counts }
  for (let n = 1; n <= 10; n++) {
    await build(n % 2 ? one : other, n < 9 ? 'BUILDING' : 'READY')
    await until(() => subscribers.every(({ seen }, at) => seen.length === n + (at % 2 ? 2 : 0)))
  }
  expect(counts.statements - before.statements).toBeLessThanOrEqual(12)
  expect(counts.results - before.results).toBe(10)
  for (const [n, { seen, ended }] of subscribers.entries()) {
    expect(ended).toBe(false)
    expect(seen.filter(({ modelId }) => modelId === seen[0]?.modelId).map(({ sequence }) => sequence)).toEqual(sequences(n % 2 ? 1 : 2, 6))
    expect(seen.map(({ modelId }) => modelId)).toEqual(seen.map((_, at) => seen[at % 2]?.modelId))
  }
  for (const { leave } of subscribers) leave()
})

test('subscribers of two hundred deployments share statements and look-ups when they join, when one commit changes all deployments, and when one deployment changes', async () => {
  const { watch, counts } = openBroadcasts()
  const rows = await Promise.all(Array.from({ length: 200 }, createRow))
  const subscribers = await Promise.all(rows.map((id) => watch(id)))
  await until(() => subscribers.every(({ seen }) => seen.length === 1))
  expect(counts.statements).toBeLessThanOrEqual(10)
  expect(counts.lookUps).toBeLessThanOrEqual(10)
  let before = { ...counts }
  await pour(rows, 200)
  await until(() => subscribers.every(({ seen }) => seen.length === 2))
  expect(counts.statements - before.statements).toBeLessThanOrEqual(4)
  expect(counts.lookUps - before.lookUps).toBeLessThanOrEqual(4)
  expect(counts.results - before.results).toBe(200)
  before = { ...counts }
  await pour(rows.slice(7, 8), 1)
  await until(() => subscribers[7]?.seen.length === 3)
  expect(counts.statements - before.statements).toBe(1)
  expect(counts.results - before.results).toBe(1)
  for (const { leave } of subscribers) leave()
})

test('a thousand changes are replayed in batches that share their look-ups', async () => {
  const { watch, watchWorkspace, counts } = openBroadcasts()
  const rows = await Promise.all(Array.from({ length: 5 }, createRow))
  const after = await newestCursor(deploymentLog)
  await pour(rows, 1000)
  const all = await watchWorkspace(after)
  await until(() => all.seen.length === 1000)
  expect(counts.statements).toBeLessThanOrEqual(8)
  expect(counts.lookUps).toBeLessThanOrEqual(25)
  const one = await watch(rows[0] ?? '', after)
  await until(() => one.seen.length === 200)
  expect(one.seen.map(({ sequence }) => sequence)).toEqual(sequences(2, 201))
  expect(all.seen.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 1000 }, (_, n) => 2 + Math.floor(n / 5)))
})

test('models in replayed changes are looked up together', async () => {
  const { watchModels, counts } = openBroadcasts()
  const after = await newestCursor(modelLog)
  for (let n = 0; n < 40; n++) await createModel()
  const subscriber = await watchModels({ after })
  await until(() => subscriber.seen.length === 40)
  expect(counts.lookUps).toBe(1)
})

test('one statement reads the feeds of fifty workspaces that are notified at once', async () => {
  const spy = vi.spyOn(deploymentLog, 'selectMany')
  onTestFinished(() => spy.mockRestore())
  const store = getStore()
  const listeners = new Set<() => void>()
  const watch = (_: string, listener: () => void) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }
  const feeds = openFeeds({ db: store.db, events: { ...store.events, watch } }, openLog('silent'))
  onTestFinished(feeds.close)
  const rows = await store.db
    .insert(workspaces)
    .values(Array.from({ length: 50 }, (_, n) => ({ name: `Watched ${n}` })))
    .returning()
  await Promise.all(rows.map(({ id }) => feeds.of(deploymentLog, { workspaceId: id }).refresh()))
  spy.mockClear()
  for (const notify of listeners) notify()
  await until(() => spy.mock.settledResults.length > 0)
  expect(listeners.size).toBe(50)
  expect(spy).toHaveBeenCalledTimes(1)
  expect(spy.mock.calls[0]?.[1]).toHaveLength(50)
})
