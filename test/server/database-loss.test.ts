// Postgres is reached through a proxy that the test cuts: connections break in the middle of whatever they do.
import { expect, test } from 'vitest'
import { startTestServiceBehindProxy } from '../support/proxy.ts'
import { collect } from '../support/service.ts'

test('after ten lost database connections the deployment completes, and its subscriber misses no change', { timeout: 120_000 }, async () => {
  const api = await startTestServiceBehindProxy()
  const { deployment } = await api.create()
  const watching = collect(api.watch(deployment.id, { over: 'ws' })).catch((error) => error)
  for (let n = 0; n < 10; n++) {
    await new Promise((resolve) => setTimeout(resolve, 60 + n * 20))
    api.proxy.cut()
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

test('without Postgres /ready and requests fail with SERVICE_UNAVAILABLE, and both recover with it', { timeout: 60_000 }, async () => {
  const api = await startTestServiceBehindProxy({ ROLES: 'api' })
  const readiness = async () => (await fetch(`${api.localUrl}/ready`)).status
  expect(await readiness()).toBe(200)
  api.proxy.close()
  expect(await readiness()).toBe(503)
  expect((await fetch(`${api.localUrl}/health`)).status).toBe(200)
  const { errors } = await api.ask('{ deployments { totalCount } }')
  expect(errors?.[0]?.message).not.toMatch(/select|ECONN|postgres:/i)
  expect(errors?.[0]?.extensions?.id).toBeDefined()
  api.proxy.open()
  await expect.poll(readiness, { timeout: 10_000 }).toBe(200)
  expect((await api.ask('{ deployments { totalCount } }')).data).toEqual({ deployments: { totalCount: 0 } })
})
