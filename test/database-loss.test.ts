// Postgres is reached through a proxy that the test cuts: connections break in the middle of whatever they do.
import { expect, inject, onTestFinished, test } from 'vitest'
import { readConfig } from '../src/config.ts'
import { startService } from '../src/main.ts'
import { cloneDatabase, makeDirectory } from './postgres.ts'
import { openProxy } from './proxy.ts'
import { collect, createTestClient } from './service.ts'

test('connections that break ten times at work end nothing: the deployment completes and its watcher misses no change', { timeout: 120_000 }, async () => {
  const database = await cloneDatabase(inject('postgresUrl'))
  const proxy = await openProxy(database.url)
  const dataDir = await makeDirectory()
  const service = await startService(readConfig({ DATABASE_URL: proxy.url, DATA_DIR: dataDir, PORT: '0', RECOGNIZERS: '1', LOG_LEVEL: 'silent' }))
  const api = createTestClient(service.localUrl, service.key)
  onTestFinished(async () => {
    await api.dispose()
    await service.close()
    await proxy.end()
    await database.drop()
  })

  const { deployment } = await api.create()
  const watching = collect(api.watch(deployment.id, { over: 'ws' })).catch((error) => error)
  for (let n = 0; n < 10; n++) {
    await new Promise((resolve) => setTimeout(resolve, 60 + n * 20))
    proxy.cut()
  }
  await expect
    .poll(async () => (await api.ask('query ($id: ID!) { deployment(id: $id) { status } }', { id: deployment.id })).data?.deployment?.status, {
      timeout: 60_000,
      interval: 300,
    })
    .toBe('COMPLETE')
  const changes = await collect(api.watch(deployment.id))
  expect(changes.at(-1)).toMatchObject({ status: 'COMPLETE' })
  const { data } = await api.ask('query ($id: ID!) { deployment(id: $id) { timeline(first: 100) { nodes { sequence } } } }', { id: deployment.id })
  const sequences = data?.deployment.timeline.nodes.map(({ sequence }: { sequence: number }) => sequence)
  expect(sequences).toEqual(sequences.map((_: number, n: number) => n + 1))
  await watching
})

test('while Postgres is away /ready says so and requests fail in words; afterwards all is well', { timeout: 60_000 }, async () => {
  const database = await cloneDatabase(inject('postgresUrl'))
  const proxy = await openProxy(database.url)
  const service = await startService(
    readConfig({ DATABASE_URL: proxy.url, DATA_DIR: await makeDirectory(), PORT: '0', RECOGNIZERS: '1', LOG_LEVEL: 'silent', ROLES: 'api' }),
  )
  const api = createTestClient(service.localUrl, service.key)
  onTestFinished(async () => {
    await service.close()
    await proxy.end()
    await database.drop()
  })
  const readiness = async () => (await fetch(`${service.localUrl}/ready`)).status
  expect(await readiness()).toBe(200)
  proxy.close()
  expect(await readiness()).toBe(503)
  expect((await fetch(`${service.localUrl}/health`)).status).toBe(200)
  const { errors } = await api.ask('{ deployments { totalCount } }')
  expect(errors?.[0]?.message).not.toMatch(/select|ECONN|postgres:/i)
  expect(errors?.[0]?.extensions?.id).toBeDefined()
  proxy.open()
  await expect.poll(readiness, { timeout: 10_000 }).toBe(200)
  expect((await api.ask('{ deployments { totalCount } }')).data).toEqual({ deployments: { totalCount: 0 } })
})
