// The events that a shared broadcast sends to each subscriber.
import { expect, test } from 'vitest'
import { deploymentLog } from '../../src/domain/deployment-lifecycle.ts'
import { sequences, start, useBroadcasts } from '../support/broadcasts.ts'
import { until } from '../support/until.ts'

const { openBroadcasts, createRow, move, createModel, build, pour, newestCursor } = useBroadcasts()

test.each<[string, string, 'broadcast' | 'execution']>([
  ['an id', 'subscription ($id: ID!) { deploymentStatusChanged(deploymentId: $id) { __typename } }', 'broadcast'],
  [
    'fragments',
    'subscription ($id: ID!) { ... { ...F } } fragment F on Subscription { deploymentStatusChanged(deploymentId: $id) { __typename } }',
    'broadcast',
  ],
  ['an unknown id', 'subscription { deploymentStatusChanged(deploymentId: "x") { __typename } }', 'execution'],
  ['an invalid cursor', 'subscription ($id: ID!) { deploymentStatusChanged(deploymentId: $id, after: "x") { __typename } }', 'execution'],
  [
    'a missing variable',
    'subscription ($id: ID!, $locale: Locale!) { deploymentStatusChanged(deploymentId: $id, locale: $locale) { __typename } }',
    'execution',
  ],
])('a subscription with %s has the expected delivery path', async (_, query, path) => {
  const { choosePath } = openBroadcasts()
  const id = Buffer.from(`Deployment:${await createRow()}`).toString('base64')
  expect(await choosePath(query, { id })).toBe(path)
})

test('subscribers of one model share one log, and end after the terminal change', async () => {
  const { watchModels, counts } = openBroadcasts()
  const id = await createModel()
  const subscribers = await Promise.all(Array.from({ length: 50 }, (_, n) => watchModels({ id, after: n % 2 ? start : undefined })))
  await build(id, 'BUILDING')
  await build(id, 'READY')
  await until(() => subscribers.every(({ ended }) => ended))
  for (const { seen } of subscribers) expect(seen.map(({ sequence }) => sequence)).toEqual(sequences(1, 3))
  expect(counts.statements).toBeLessThanOrEqual(10)
})

test('the deployment in an event is never older than the event', async () => {
  const { watch } = openBroadcasts()
  const id = await createRow()
  const subscribers = await Promise.all([watch(id), watch(id, start)])
  for (let n = 0; n < 20; n++) await move(id, 'PROVISIONING')
  await move(id, 'COMPLETE')
  await until(() => subscribers.every(({ ended }) => ended))
  for (const { seen } of subscribers) {
    for (const change of seen) expect(change.deployment.sequence).toBeGreaterThanOrEqual(change.sequence)
    expect(seen.at(-1)?.deployment.status).toBe('COMPLETE')
  }
})

test('subscribers that join and leave during many events receive each event once, in order, up to the last event', async () => {
  const { watch } = openBroadcasts()
  const id = await createRow()
  const recording = (async () => {
    for (let n = 0; n < 150; n++) await move(id, 'PROVISIONING')
    await move(id, 'FAILED')
  })()
  const staying: Awaited<ReturnType<typeof watch>>[] = []
  const gone: Awaited<ReturnType<typeof watch>>[] = []
  let isOver = false
  void recording.then(() => (isOver = true))
  for (let n = 0; !isOver; n++) {
    const subscriber = await watch(id, n % 3 ? start : undefined)
    if (n % 4) staying.push(subscriber)
    else gone.push(subscriber)
    if (n % 2) await new Promise((soon) => setTimeout(soon, n % 7))
    for (const one of gone) if (Math.random() < 0.3) one.leave()
  }
  await recording
  await until(() => staying.every(({ ended }) => ended))
  expect(staying.length).toBeGreaterThan(20)
  for (const { seen } of [...staying, ...gone]) {
    const from = seen[0]?.sequence ?? 1
    expect(seen.map(({ sequence }) => sequence)).toEqual(sequences(from, from + seen.length - 1))
  }
  for (const { seen } of staying) expect(seen.at(-1)?.sequence).toBe(152)
  for (const { leave } of gone) leave()
})

test('a cursor before a failed attempt replays the retry; a cursor after the terminal change ends the subscription at once', async () => {
  const { watch } = openBroadcasts()
  const id = await createRow()
  for (const status of ['PROVISIONING', 'FAILED', 'QUEUED', 'PROVISIONING'] as const) await move(id, status)
  const subscriber = await watch(id, start)
  await until(() => subscriber.seen.length === 5)
  expect(subscriber.ended).toBe(false)
  await move(id, 'COMPLETE')
  await until(() => subscriber.ended)
  expect(subscriber.seen.map(({ sequence }) => sequence)).toEqual(sequences(1, 6))
  const late = await watch(id, await newestCursor(deploymentLog))
  await until(() => late.ended)
  expect(late.seen).toEqual([])
})

test('a subscriber that reads nothing is ended, while the other subscribers continue', async () => {
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

test('a subscriber of one deployment receives all of its changes among a thousand changes of other deployments', async () => {
  const { watch, watchAlone } = openBroadcasts()
  const [own = '', ...others] = await Promise.all(Array.from({ length: 4 }, createRow))
  const subscribers = [await watch(own), await watch(own, start), await watchAlone(own), await watchAlone(own, start)]
  await until(() => subscribers.every(({ seen }) => seen.length === 1))
  for (let n = 2; n <= 5; n++) {
    // More changes than the feed keeps in memory: twice in large commits and twice in small commits.
    for (let part = 0; part < 2; part++) await pour(others, n % 2 ? 300 : 30)
    await pour([own], 1)
    await until(() => subscribers.every(({ seen }) => seen.at(-1)?.sequence === n))
  }
  await pour(others, 300)
  await move(own, 'COMPLETE')
  await until(() => subscribers.every(({ ended }) => ended))
  for (const { seen } of subscribers) expect(seen.map(({ sequence }) => sequence)).toEqual(sequences(1, 6))
})
