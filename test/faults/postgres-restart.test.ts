// Postgres ends at once during provisioning, like a machine that loses power.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeQuickCatalog } from '../support/catalog.ts'
import { makeDataDir, start } from '../support/program.ts'
import { collect } from '../support/service.ts'
import { until } from '../support/until.ts'
import { figure } from './figure.ts'
import { expectWhole } from './roles.ts'

test('an immediate shutdown of Postgres with 20 deployments in progress loses no deployment, no socket and no change', async () => {
  const dataDir = await makeDataDir()
  const api = await start({ CATALOG: await writeQuickCatalog(), DATA_DIR: dataDir, LOG_LEVEL: 'silent' })
  const postmaster = async () => Number((await readFile(join(dataDir, 'postgres/data/postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0])
  const ready = async () => (await fetch(`${api.url}/ready`).catch(() => undefined))?.status
  const input = await api.sampleInput()
  const created = await Promise.all(Array.from({ length: 20 }, (_, n) => api.create({ ...input, name: `In flight ${n}` })))
  const ids: string[] = created.map(({ deployment }) => deployment.id)
  // Half over WebSocket, half over Server-Sent Events, without automatic reconnection.
  const watched = ids.map((id, n) => collect(api.watch(id, { over: n % 2 ? 'sse' : 'ws' })))
  const completed = async () =>
    (await api.ask('{ deployments(first: 1) { statusCounts { status count } } }')).data?.deployments.statusCounts.find(
      ({ status }: { status: string }) => status === 'COMPLETE',
    )?.count ?? 0
  await until(async () => (await completed()) >= 3)

  const away: number[] = []
  let toldNotReady = 0
  for (let round = 0; round < 2; round++) {
    const pid = await postmaster()
    const endedAt = performance.now()
    process.kill(pid, 'SIGQUIT')
    await until(async () => {
      const isAway = (await ready()) === 503
      if (isAway) toldNotReady++
      return isAway || (await postmaster()) !== pid
    })
    await until(async () => (await ready()) === 200)
    away.push(performance.now() - endedAt)
    await until(async () => (await completed()) >= 6 + round * 4)
  }
  for (const changes of await Promise.all(watched)) {
    expect(changes.at(-1)?.status).toBe('COMPLETE')
    expectWhole(changes)
  }
  expect(api.child.exitCode).toBeNull()
  expect(toldNotReady).toBeGreaterThan(0)
  figure('3, Postgres restarted in immediate mode under load', {
    times: away.length,
    'longest away, ms': Math.max(...away),
    COMPLETE: `${await completed()} of 20`,
  })
}, 180_000)
