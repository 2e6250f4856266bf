import { randomUUID } from 'node:crypto'
// What becomes of jobs that cannot be done.
import { eq } from 'drizzle-orm'
import { expect, inject, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { provisioning } from '../../src/domain/deployment-lifecycle.ts'
import { provisionDeploymentHandler } from '../../src/jobs/provision-deployment.ts'
import type { Provisioning } from '../../src/jobs/provisioning.ts'
import { openLog } from '../../src/log.ts'
import { type DeploymentRow, deployments } from '../../src/postgres/deployment-tables.ts'
import type { Job } from '../../src/postgres/queue.ts'
import { openStore } from '../../src/postgres/store.ts'
import { cloneDatabase } from '../support/postgres.ts'
import { startTestService } from '../support/service.ts'
import { until } from '../support/until.ts'

test('the queue gives up a job after its retries, and repeats giveUp until it succeeds', async () => {
  const database = await cloneDatabase(inject('postgresUrl'))
  const job: Job<{ id: string }> = { name: 'hopeless', payload: z.object({ id: z.string() }), key: ({ id }) => id, interruptions: 1 }
  const store = await openStore({ databaseUrl: database.url, dataDir: '' }, [job], openLog('silent'))
  onTestFinished(async () => {
    await store.close()
    await database.drop()
  })
  let [runs, tries] = [0, 0]
  const givenUp = Promise.withResolvers<string>()
  await store.queue.work(job, 1, {
    async run() {
      runs++
      throw new Error('no')
    },
    async giveUp({ id }) {
      if (++tries < 2) throw new Error('not yet')
      givenUp.resolve(id)
    },
  })
  await store.db.transaction((tx) => store.queue.enqueue(tx, job, { id: 'one' }, { id: randomUUID(), priority: 0, delay: 0 }))
  expect(await givenUp.promise).toBe('one')
  expect([runs, tries]).toEqual([2, 2])
})

test('a deployment fails with a message when its job is given up, unless another try has begun', async () => {
  const api = await startTestService({ ROLES: 'api' })
  const { deployment } = await api.create()
  const store = await openStore({ databaseUrl: api.databaseUrl, dataDir: '' }, [], openLog('silent'))
  onTestFinished(store.close)
  const [row] = await store.db.select().from(deployments)
  if (!row) throw new Error('no row')
  const handler = provisionDeploymentHandler({ store } as Provisioning)
  const payload = { deploymentId: row.id, workspaceId: row.workspaceId, attempt: row.attempt, failedTries: 0 }
  const read = async () =>
    (await api.ask('query ($id: ID!) { deployment(id: $id) { status failure { code message } } }', { id: deployment.id })).data?.deployment

  await store.db.update(deployments).set({ failedTries: 1 }).where(eq(deployments.id, row.id))
  await handler.giveUp(payload)
  expect(await read()).toMatchObject({ status: 'QUEUED', failure: null })
  await handler.giveUp({ ...payload, failedTries: 1 })
  expect(await read()).toMatchObject({
    status: 'FAILED',
    failure: { code: 'PROVISIONING_INTERRUPTED', message: expect.stringContaining('Retry the deployment') },
  })
})

test('two crashes of processes end an attempt, but one crash, a stop or a survived takeover do not', async () => {
  const api = await startTestService({ ROLES: 'api' })
  await api.create()
  const store = await openStore({ databaseUrl: api.databaseUrl, dataDir: '' }, [], openLog('silent'))
  onTestFinished(store.close)
  const read = async () => (await store.db.select().from(deployments))[0] as DeploymentRow
  const { id, workspaceId, attempt } = await read()
  const payload = { deploymentId: id, workspaceId, attempt, failedTries: 0 }
  /** As if another process had the row in hand. */
  const hold = () => store.db.update(deployments).set({ heldBy: crypto.randomUUID() })
  const claim = async () => (await provisioning.claim({ store }, payload)) ?? { ...payload, run: 0 }

  const first = await claim()
  await provisioning.letGo({ store }, first)
  expect(await read()).toMatchObject({ heldBy: null, deadRuns: [], run: 1 })
  const second = await claim()
  await hold()
  const third = await claim()
  expect(await read()).toMatchObject({ deadRuns: [2], run: 3 })
  await provisioning.letGo({ store }, second)
  expect(await read()).toMatchObject({ heldBy: expect.any(String), deadRuns: [], run: 3 })
  const failure = { stage: 'LOADING', code: 'PROCESS_ENDED', message: 'Its process ended.' } as const
  await provisioning.failTry({ store }, third, 0, failure, true)
  expect(await read()).toMatchObject({ status: 'PROVISIONING', heldBy: null, deadRuns: [3], failedTries: 1 })
  payload.failedTries = 1
  await claim()
  await hold()
  expect(await provisioning.claim({ store }, payload)).toBeUndefined()
  expect(await read()).toMatchObject({ status: 'FAILED', heldBy: null, deadRuns: [3, 4], failure: { stage: 'LOADING', code: 'PROCESS_DIED_TWICE' } })
})

test('the queue deletes a finished job 60 to 70 minutes after its end', async () => {
  const database = await cloneDatabase(inject('postgresUrl'))
  const job: Job<{ id: string }> = { name: 'brief', payload: z.object({ id: z.string() }), key: ({ id }) => id, interruptions: 1 }
  const store = await openStore({ databaseUrl: database.url, dataDir: '' }, [job], openLog('silent'))
  onTestFinished(async () => {
    await store.close()
    await database.drop()
  })
  await store.queue.work(job, 1, { async run() {}, async giveUp() {} })
  for (const id of ['old', 'new']) await store.db.transaction((tx) => store.queue.enqueue(tx, job, { id }, { id: randomUUID(), priority: 0, delay: 0 }))
  const finished = async () =>
    (await store.db.execute<{ id: string }>("select data->>'id' as id from pgboss.job where name = 'brief' and state = 'completed' order by 1")).map(
      ({ id }) => id,
    )
  await until(async () => (await finished()).length === 2)
  await store.db.execute("update pgboss.job set completed_on = now() - interval '61 minutes' where data->>'id' = 'old'")
  await store.db.execute("update pgboss.queue set maintain_on = now() - interval '11 minutes'")
  await until(async () => (await finished()).length === 1)
  expect(await finished()).toEqual(['new'])
})
