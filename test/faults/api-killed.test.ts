// The process of the API is killed and restarted while job processes continue provisioning.
import { setTimeout as delay } from 'node:timers/promises'
import { expect, inject, onTestFinished, test } from 'vitest'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { findFreePort, start } from '../support/program.ts'
import { createTestClient, type StatusChange } from '../support/service.ts'
import { until } from '../support/until.ts'
import { figure } from './figure.ts'

const key = 'cs_faults-api-killed-0123456789'
const watchers = 200
const kills = 1

test(`after kill -9 of the API, ${watchers} watchers on WebSocket and SSE reconnect with their cursors and receive every change once, in order`, async () => {
  const database = await cloneDatabase(inject('postgresUrl'))
  onTestFinished(database.drop)
  const dataDir = await makeDirectory()
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  const settings = { DATABASE_URL: database.url, DATA_DIR: dataDir, BOOTSTRAP_KEY: key }
  const startApi = () => start({ ...settings, PORT: String(port), ROLES: 'api' })
  let serving = await startApi()
  await start({ ...settings, PORT: '0', ROLES: 'jobs,speech' })

  const api = createTestClient(url, key)
  onTestFinished(api.dispose)
  const ids: string[] = []
  const after = (await api.ask('{ deployments(first: 1) { changesCursor } }')).data?.deployments.changesCursor as string
  const seen: StatusChange[][] = []
  let reconnections = 0
  const watch = async (n: number) => {
    const client = createTestClient(url, key)
    onTestFinished(client.dispose)
    const changes: StatusChange[] = []
    seen[n] = changes
    while (!changes.at(-1)?.isTerminal) {
      try {
        for await (const change of client.watch(ids[n % ids.length] ?? '', { after: changes.at(-1)?.cursor ?? after, over: n % 2 ? 'sse' : 'ws' }))
          changes.push(change)
      } catch {
        reconnections++
        await delay(300)
      }
    }
  }
  for (let n = 0; n < 4; n++) ids.push((await api.create()).deployment.id)
  const watching = Array.from({ length: watchers }, (_, n) => watch(n))
  const away: number[] = []
  for (let kill = 1; kill <= kills; kill++) {
    const counts = seen.map(({ length }) => length)
    await until(() => seen.filter(({ length }, n) => length > (counts[n] ?? 0)).length > watchers / 2 || seen.every((changes) => changes.at(-1)?.isTerminal))
    const killedAt = performance.now()
    serving.child.kill('SIGKILL')
    await serving.ended
    serving = await startApi()
    away.push(performance.now() - killedAt)
  }
  await Promise.all(watching)

  for (const id of ids) {
    const { data } = await api.ask('query ($id: ID!) { deployment(id: $id) { status timeline(first: 100) { nodes { sequence message } } } }', { id })
    expect(data?.deployment.status).toBe('COMPLETE')
    const log = data?.deployment.timeline.nodes
    expect(log.map(({ sequence }: { sequence: number }) => sequence)).toEqual(log.map((_: unknown, n: number) => n + 1))
    for (const [n, changes] of seen.entries())
      if (ids[n % ids.length] === id) expect(changes.map(({ sequence, message }) => ({ sequence, message }))).toEqual(log)
  }
  expect(reconnections).toBeGreaterThan(watchers / 2)
  figure('API process killed', { watchers, kills, reconnections, 'longest time away, ms': Math.max(...away), 'changes lost or doubled': 0 })
})
