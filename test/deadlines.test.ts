// What stands still is told, and ended.
import { expect, test } from 'vitest'
import { holdFetching } from './faults/roles.ts'
import { makeDirectory } from './postgres.ts'
import { collect, startTestService } from './service.ts'

test('a stage that makes no progress is marked as stalled, then FAILED with its name', async () => {
  const dataDir = await makeDirectory()
  const api = await startTestService({ DATA_DIR: dataDir, STALL_SECONDS: '2' })
  const release = await holdFetching(dataDir)
  const { deployment } = await api.create()
  const changes = await collect(api.watch(deployment.id))
  await release()
  expect(changes.at(-1)).toMatchObject({ status: 'FAILED', deployment: { failure: { stage: 'FETCHING', code: 'STAGE_STALLED' } } })
  expect(changes.at(-2)).toMatchObject({ status: 'PROVISIONING', stage: 'FETCHING' })
  expect(changes.at(-2)?.message).toMatch(/FETCHING has not moved/)
})

test('while it stands still, stalledSince tells since when', async () => {
  const dataDir = await makeDirectory()
  const api = await startTestService({ DATA_DIR: dataDir, STALL_SECONDS: '4' })
  const release = await holdFetching(dataDir)
  const { deployment } = await api.create()
  const query = 'query ($id: ID!) { deployment(id: $id) { status stalledSince deadlineAt queuePosition } }'
  const read = async () => (await api.ask(query, { id: deployment.id })).data?.deployment
  expect(await read()).toMatchObject({ stalledSince: null })
  expect(Date.parse((await read()).deadlineAt)).toBeGreaterThan(Date.now())
  await expect.poll(async () => (await read()).stalledSince, { timeout: 10_000 }).not.toBeNull()
  await release()
  await collect(api.watch(deployment.id))
  expect(await read()).toMatchObject({ status: 'COMPLETE', stalledSince: null, deadlineAt: null, queuePosition: null })
})

test('where no process provisions, the deadline ends the waiting in words', async () => {
  const api = await startTestService({ ROLES: 'api', DEADLINE_SECONDS: '2' })
  const { deployment } = await api.create()
  expect((await api.ask('query ($id: ID!) { deployment(id: $id) { queuePosition } }', { id: deployment.id })).data?.deployment.queuePosition).toBe(0)
  const last = (await collect(api.watch(deployment.id))).at(-1)
  expect(last).toMatchObject({ status: 'FAILED', deployment: { failure: { code: 'DEADLINE_EXCEEDED' } } })
  expect(last?.message).toContain('role jobs')
})
