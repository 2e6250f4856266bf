// What stands still is told, and ended. All of these wait, so they wait together.
import postgres from 'postgres'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { figure } from '../faults/figure.ts'
import { holdFetching } from '../faults/roles.ts'
import { revisionsOf } from '../revisions/client.ts'
import { modelsOf } from '../support/models.ts'
import { makeDirectory, readStoredColumns } from '../support/postgres.ts'
import { collect, type OnFinished, startTestService, uuidOf } from '../support/service.ts'
import { until } from '../support/until.ts'

test.concurrent('the server closes a socket without pongs within half a minute and keeps one with pongs', async ({ onTestFinished }) => {
  const api = await startTestService({ ROLES: 'api' }, onTestFinished)
  const open = async (autoPong: boolean) => {
    const socket = new WebSocket(`${api.localUrl.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { autoPong })
    const closed = new Promise<number>((done) => socket.on('close', done))
    await new Promise((done) => socket.on('open', done))
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${api.key}` } }))
    await new Promise((done) => socket.once('message', done))
    return { socket, closed, openedAt: performance.now() }
  }
  const [silent, talking] = [await open(false), await open(true)]
  expect(await silent.closed).toBe(1006)
  const seconds = (performance.now() - silent.openedAt) / 1000
  expect(seconds).toBeLessThan(30)
  expect(talking.socket.readyState).toBe(WebSocket.OPEN)
  talking.socket.terminate()
  figure('peer that is gone without a word', { 'cut off after, s': seconds })
})

test.concurrent('a stage without progress is marked as stalled, then fails with its name', async ({ onTestFinished }) => {
  const dataDir = await makeDirectory()
  const api = await startTestService({ DATA_DIR: dataDir, STALL_SECONDS: '2' }, onTestFinished)
  const release = await holdFetching(dataDir, onTestFinished)
  const { deployment } = await api.create()
  const changes = await collect(api.watch(deployment.id))
  await release()
  expect(changes.at(-1)).toMatchObject({ status: 'FAILED', deployment: { failure: { stage: 'FETCHING', code: 'STAGE_STALLED' } } })
  expect(changes.at(-2)).toMatchObject({ status: 'PROVISIONING', stage: 'FETCHING' })
  expect(changes.at(-2)?.message).toMatch(/FETCHING has made no progress/)
})

test.concurrent('stalledSince returns the time of the last progress while provisioning is stalled', async ({ onTestFinished }) => {
  const dataDir = await makeDirectory()
  const api = await startTestService({ DATA_DIR: dataDir, STALL_SECONDS: '20' }, onTestFinished)
  const release = await holdFetching(dataDir, onTestFinished)
  const { deployment } = await api.create()
  const query = 'query ($id: ID!) { deployment(id: $id) { status stalledSince deadlineAt queuePosition } }'
  const read = async () => (await api.ask(query, { id: deployment.id })).data?.deployment
  expect(await read()).toMatchObject({ stalledSince: null })
  expect(Date.parse((await read()).deadlineAt)).toBeGreaterThan(Date.now())
  await expect.poll(async () => (await read()).stalledSince, { timeout: 20_000 }).not.toBeNull()
  await release()
  await collect(api.watch(deployment.id))
  expect(await read()).toMatchObject({ status: 'COMPLETE', stalledSince: null, deadlineAt: null, queuePosition: null })
})

test.concurrent('a deployment that no process provisions fails at its deadline with a message', async ({ onTestFinished }) => {
  const api = await startTestService({ ROLES: 'api', DEADLINE_SECONDS: '2' }, onTestFinished)
  const { deployment } = await api.create()
  expect((await api.ask('query ($id: ID!) { deployment(id: $id) { queuePosition } }', { id: deployment.id })).data?.deployment.queuePosition).toBe(0)
  const last = (await collect(api.watch(deployment.id))).at(-1)
  expect(last).toMatchObject({ status: 'FAILED', deployment: { failure: { code: 'DEADLINE_EXCEEDED' } } })
  expect(last?.message).toContain('role jobs')
})

function connect(url: string, onFinished: OnFinished) {
  const sql = postgres(url, { max: 2, onnotice: () => {} })
  onFinished(() => sql.end())
  return sql
}

test.concurrent('after a time without processes, a deployment in work gets its time limits again', async ({ onTestFinished }) => {
  const api = await startTestService({ ROLES: 'api', STALL_SECONDS: '6' }, onTestFinished)
  const sql = connect(api.databaseUrl, onTestFinished)
  const { deployment } = await api.create()
  // As a worker left it that lost its power ten minutes ago, with its job in its hands.
  await sql`update pgboss.job set state = 'active', heartbeat_on = now(), started_on = now() where name = 'provision-deployment'`
  const before = Date.now()
  await sql`update deployments set status = 'PROVISIONING', stage = 'LOADING', updated_at = now() - interval '10 minutes', stage_started_at = now()`
  const last = (await collect(api.watch(deployment.id))).at(-1)
  expect(last).toMatchObject({ status: 'FAILED', deployment: { failure: { stage: 'LOADING', code: 'STAGE_STALLED' } } })
  expect(Date.now() - before).toBeGreaterThan(2500)
})

test.concurrent('a gate that waits for capacity does not stall, and its evaluation ends with the revision', async ({ onTestFinished }) => {
  const api = await startTestService({ ROLES: 'api', STALL_SECONDS: '2' }, onTestFinished)
  const sql = connect(api.databaseUrl, onTestFinished)
  const begin = async (stage: string) => {
    const { deployment } = await api.create()
    await sql`update deployments set status = 'COMPLETE' where id = ${uuidOf(deployment.id)}`
    await revisionsOf(api).redeploy(deployment.id)
    await sql`update pgboss.job set state = 'active', heartbeat_on = now(), started_on = now() where name = 'provision-revision'`
    await sql`update deployment_revisions set status = 'PROVISIONING', stage = ${stage}, updated_at = now() - interval '10 minutes', stage_started_at = now()
      where deployment_id = ${uuidOf(deployment.id)} and number = 2`
    return uuidOf(deployment.id)
  }
  const statusOf = async (id: string) => (await sql`select status from deployment_revisions where deployment_id = ${id} and number = 2`)[0]?.['status']
  const waiting = await begin('EVALUATING')
  const evaluationOf = async (id: string) => {
    const [made] = await sql`with own as (insert into test_sets (workspace_id, name, description, locale, status, message)
      select workspace_id, ${id}, '', 'en-US', 'READY', '' from deployments where id = ${id} returning *)
      insert into evaluations (workspace_id, test_set_id, deployment_id, revision, acoustic_model_id, language_model_id, status, message, updated_at)
      select workspace_id, id, ${id}, 2, ${id}, ${id}, 'RUNNING', '', now() - interval '2 minutes' from own returning id`
    const read = async () => (await sql`select status from evaluations where id = ${made?.['id']}`)[0]?.['status']
    return read
  }
  const wanted = await evaluationOf(waiting)
  const abandoned = await evaluationOf(uuidOf((await api.create()).deployment.id))
  const stalled = await begin('LOADING')
  await until(async () => (await statusOf(stalled)) === 'FAILED')
  await until(async () => (await abandoned()) === 'CANCELED')
  expect(await statusOf(waiting)).toBe('PROVISIONING')
  expect(await wanted()).toBe('RUNNING')
})

test.concurrent('a stage with progress fails after its maximum duration, unless its job waits for a worker', async ({ onTestFinished }) => {
  const api = await startTestService({ ROLES: 'api' }, onTestFinished)
  const sql = connect(api.databaseUrl, onTestFinished)
  const ids = await Promise.all(Array.from({ length: 3 }, async () => (await api.create()).deployment.id))
  const [late, slow, waiting] = ids.map((id) => Buffer.from(id, 'base64').toString().replace('Deployment:', ''))
  const take = (...deploymentIds: (string | undefined)[]) =>
    sql`update pgboss.job set state = 'active', heartbeat_on = now(), started_on = now() where data->>'deploymentId' = any(${deploymentIds as string[]})`
  // As workers left them that began their stage eleven minutes ago and have just told of their progress.
  await sql`update deployments set status = 'PROVISIONING', stage = 'LOADING', stage_started_at = now() - interval '11 minutes', updated_at = now()`
  await sql`update deployments set stage = 'FETCHING' where id = ${slow ?? ''}`
  await take(late, slow)
  expect((await collect(api.watch(ids[0] ?? ''))).at(-1)).toMatchObject({
    status: 'FAILED',
    message: 'LOADING took longer than 600 s and was stopped. Retry the deployment. If it fails again, read the log of the server.',
    deployment: { failure: { stage: 'LOADING', code: 'STAGE_TIMED_OUT' } },
  })
  expect((await sql`select id from deployments where status = 'PROVISIONING'`).map(({ id }) => id).toSorted()).toEqual([slow, waiting].toSorted())
  await take(waiting)
  expect((await collect(api.watch(ids[2] ?? ''))).at(-1)).toMatchObject({ deployment: { failure: { code: 'STAGE_TIMED_OUT' } } })
  expect(await sql`select id from deployments where status = 'PROVISIONING'`).toMatchObject([{ id: slow }])
})

test.concurrent('a locked workspace does not delay the deadlines of other workspaces', async ({ onTestFinished }) => {
  const api = await startTestService({ ROLES: 'api', DEADLINE_SECONDS: '2' }, onTestFinished)
  const { data } = await api.ask('mutation { createWorkspace(input: { name: "Other" }) { ... on CreateWorkspaceSuccess { secret workspace { id } } } }')
  const other = api.as(data?.createWorkspace.secret)
  onTestFinished(other.dispose)
  const sql = connect(api.databaseUrl, onTestFinished)
  const [own, others] = [modelsOf(api), modelsOf({ ...api, ...other, key: data?.createWorkspace.secret })]
  const [locked, lockedModel] = [(await api.create()).deployment, (await own.createLanguageModel({ text: 'a' })).model]
  const [workspace] = await sql`select id from workspaces order by id limit 1`
  // More than are looked at in one go.
  const columns = await readStoredColumns(sql, 'deployments')
  await sql`insert into deployments (${sql(columns)}) select ${sql(columns)} from (select (jsonb_populate_record(d, jsonb_build_object('id', gen_random_uuid(), 'name', 'Late ' || n))).* from deployments d, generate_series(1, 120) n) as copies`
  const release = Promise.withResolvers<void>()
  const holding = sql.begin(async (tx) => {
    await tx`select from workspaces where id = ${workspace?.id} for update`
    await release.promise
  })
  // By now somebody waits for that lock, to end what is overdue.
  await until(async () => (await sql`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`).length > 0)
  const asked = performance.now()
  const [free, freeModel] = [(await other.create()).deployment, (await others.createLanguageModel({ text: 'a' })).model]
  expect((await collect(other.watch(free.id))).at(-1)?.status).toBe('FAILED')
  expect((await collect(others.watch(freeModel.id))).at(-1)?.status).toBe('FAILED')
  // Whoever waits for the lock does so for 15 s.
  expect(performance.now() - asked).toBeLessThan(12_000)
  expect((await api.ask('query ($id: ID!) { deployment(id: $id) { status } }', { id: locked.id })).data?.deployment.status).toBe('QUEUED')
  expect(await own.find(lockedModel.id)).toMatchObject({ status: 'QUEUED' })
  release.resolve()
  await holding
  expect((await collect(api.watch(locked.id))).at(-1)?.status).toBe('FAILED')
  expect((await collect(own.watch(lockedModel.id))).at(-1)?.status).toBe('FAILED')
})
