// The API cannot reach Postgres for three seconds while another process continues to write.
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startTestServiceBehindProxy } from '../support/proxy.ts'
import type { StatusChange } from '../support/service.ts'
import { until } from '../support/until.ts'
import { figure } from './figure.ts'
import { openWriter } from './writer.ts'

test('watchers miss no change while Postgres is unreachable for three seconds, and keep their sockets', async () => {
  const api = await startTestServiceBehindProxy({ ROLES: 'api' })
  const writer = openWriter(api.databaseUrl)
  const { id } = (await api.create()).deployment
  const seen: StatusChange[][] = []
  let ends = 0
  const watch = async (changes: AsyncIterable<StatusChange>, n: number) => {
    const own: StatusChange[] = []
    seen[n] = own
    for await (const change of changes) own.push(change)
    ends++
  }
  for (let n = 0; n < 10; n++)
    void watch(n % 3 ? api.watch(id, { over: n % 2 ? 'sse' : 'ws' }) : api.watchAll({ after: Buffer.from('event:0').toString('base64url') }), n).catch(
      () => ends++,
    )
  const haveAll = (count: number) => until(() => seen.length === 10 && seen.every(({ length }) => length === count))
  await haveAll(1)
  for (let n = 0; n < 5; n++) await writer.write(id, 'before')
  await haveAll(6)
  api.proxy.close()
  for (let n = 0; n < 6; n++) {
    await writer.write(id, 'meanwhile')
    await delay(500)
  }
  api.proxy.open()
  const openedAt = performance.now()
  await haveAll(12)
  const delayed = performance.now() - openedAt
  for (let n = 0; n < 5; n++) await writer.write(id, 'after')
  await haveAll(17)
  for (const changes of seen) {
    expect(changes.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 17 }, (_, n) => n + 1))
    expect(changes.every(({ deployment }) => deployment.id === id)).toBe(true)
  }
  expect(ends).toBe(0)
  expect(delayed).toBeLessThan(3000)
  figure('Postgres away for 3 s', { watchers: 10, 'changes lost or doubled': 0, 'all there after its return, ms': delayed })
})
