// A deleted deployment comes back within a week.
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tidyRecords } from '../../src/jobs/tidy-records.ts'
import { type DatabaseClient, openClient } from '../../src/postgres/client.ts'
import { revisionsOf } from '../revisions/client.ts'
import { modelsOf } from '../support/models.ts'
import { silentLog } from '../support/recognizers.ts'
import { collect, openTestService, referenceRecording, type Service, type StatusChange, startTestService, uuidOf } from '../support/service.ts'
import { until } from '../support/until.ts'

let api: Service
let sql: postgres.Sql
let client: DatabaseClient
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  client = openClient(api.databaseUrl, silentLog)
})
afterAll(async () => {
  await client.close()
  await sql.end()
  await api.close()
})

const remove = (id: string) => api.act('deleteDeployment', id)
const restore = (id: string, at: Pick<Service, 'act'> = api) => at.act('restoreDeployment', id)
const tidy = () => tidyRecords({ store: client as never })

const listDeleted = async (at: Pick<Service, 'ask'> = api) =>
  (await at.ask('{ deletedDeployments(first: 100) { totalCount nodes { id name description locale deletedAt restorableUntil } } }')).data?.deletedDeployments

const timeline = async (id: string): Promise<Pick<StatusChange, 'sequence' | 'status' | 'previousStatus'>[]> =>
  (await api.ask('query ($id: ID!) { deployment(id: $id) { timeline(first: 100) { nodes { sequence status previousStatus } } } }', { id })).data?.deployment
    .timeline.nodes

test('a restored deployment has its id, its URL and its log, and is proved again', { timeout: 60_000 }, async () => {
  const whole = await startTestService()
  const { deployment, cursor, sequence } = await whole.deploy()
  const url = deployment.endpoint?.httpUrl ?? ''
  await whole.act('deleteDeployment', deployment.id)
  expect((await whole.post(url, referenceRecording())).status).toBe(410)
  const watched = collect(whole.watch(deployment.id, { after: cursor }))
  expect((await watched).map(({ status }) => status)).toEqual(['DELETING'])
  const { nodes } = await listDeleted(whole)
  expect(nodes).toMatchObject([{ id: deployment.id, description: 'For a test', locale: 'en-US' }])
  expect(Date.parse(nodes[0].restorableUntil) - Date.parse(nodes[0].deletedAt)).toBe(7 * 24 * 3600 * 1000)

  expect(await restore(deployment.id, whole)).toMatchObject({
    deployment: { id: deployment.id, name: nodes[0].name, status: 'QUEUED', sequence: sequence + 2 },
  })
  const changes = await collect(whole.watch(deployment.id, { after: cursor }))
  expect(changes.slice(0, 2)).toMatchObject([
    { status: 'DELETING', previousStatus: 'COMPLETE', sequence: sequence + 1 },
    { status: 'QUEUED', previousStatus: 'DELETING', sequence: sequence + 2, message: 'Restored on request.' },
  ])
  expect(changes.map((change) => change.sequence)).toEqual(changes.map((_, n) => sequence + 1 + n))
  expect(changes.at(-1)).toMatchObject({ status: 'COMPLETE', deployment: { endpoint: { httpUrl: url } } })
  expect((await whole.post(url, referenceRecording())).status).toBe(200)
  expect(await listDeleted(whole)).toEqual({ totalCount: 0, nodes: [] })
})

test('restoring twice changes nothing, and others than deleted deployments are not found', async () => {
  const { deployment } = await api.create()
  await remove(deployment.id)
  const first = await restore(deployment.id)
  expect(first).toMatchObject({ __typename: 'RestoreDeploymentSuccess', deployment: { status: 'QUEUED', sequence: 3 } })
  expect(await restore(deployment.id)).toEqual(first)
  const unknown = Buffer.from('Deployment:01990000-0000-7000-8000-00000000ffff').toString('base64')
  expect(await restore(unknown)).toMatchObject({ code: 'DEPLOYMENT_NOT_FOUND', message: expect.stringContaining('deletedDeployments') })
  const { data } = await api.ask('mutation { createWorkspace(input: { name: "Other" }) { ... on CreateWorkspaceSuccess { secret } } }')
  const stranger = api.as(data?.createWorkspace.secret)
  await remove(deployment.id)
  expect(await listDeleted(stranger)).toEqual({ totalCount: 0, nodes: [] })
  expect(await restore(deployment.id, stranger)).toMatchObject({ code: 'DEPLOYMENT_NOT_FOUND' })
})

test('the idempotency key of a restored deployment is in effect again', async () => {
  const input = { ...(await api.sampleInput()), idempotencyKey: crypto.randomUUID() }
  const { deployment } = await api.create(input)
  await remove(deployment.id)
  expect(await api.create(input)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
  await restore(deployment.id)
  expect((await api.create(input))['deployment'].id).toBe(deployment.id)
  expect(await sql`select expires_at from idempotency_keys where deployment_id = ${uuidOf(deployment.id)}`).toEqual([{ expires_at: null }])
})

test('a restored deployment has its gate', async () => {
  const { deployment } = await api.create()
  const gate = { testSetId: crypto.randomUUID(), maxIncrease: 0.01 }
  await sql`update deployments set gate = ${sql.json(gate)} where id = ${uuidOf(deployment.id)}`
  await remove(deployment.id)
  await restore(deployment.id)
  expect(await sql`select gate from deployments where id = ${uuidOf(deployment.id)}`).toEqual([{ gate }])
})

test('a restoration is refused for a name in use, a missing model and a full quota, each in words', async () => {
  const { deployment } = await api.create({ name: 'Reception' })
  await remove(deployment.id)
  const { deployment: twin } = await api.create({ name: 'reception' })
  expect(await restore(deployment.id)).toMatchObject({
    code: 'DUPLICATE_DEPLOYMENT_NAME',
    message: expect.stringContaining('Rename or delete that deployment'),
  })
  await remove(twin.id)
  expect(await restore(deployment.id)).toMatchObject({ __typename: 'RestoreDeploymentSuccess' })

  const { model } = await modelsOf(api).createLanguageModel({ text: 'a game of cards' })
  await sql`update models set status = 'READY' where id = ${uuidOf(model.id)}`
  const { deployment: custom } = await api.create({ languageModelId: model.id, acousticModelId: await api.modelId('ACOUSTIC') })
  await remove(custom.id)
  await modelsOf(api).delete(model.id)
  expect(await restore(custom.id)).toMatchObject({
    code: 'MODEL_NOT_FOUND',
    message: expect.stringContaining('language model of the deployment has been deleted'),
  })

  const small = await startTestService({ ROLES: 'api', MAX_DEPLOYMENTS: '1' })
  const { deployment: old } = await small.create()
  await small.act('deleteDeployment', old.id)
  await small.create()
  expect(await restore(old.id, small)).toMatchObject({ code: 'QUOTA_EXCEEDED' })
})

test('the log of a restored deployment stays when its deletion is a week ago, and also after another deletion', async () => {
  const { deployment } = await api.create()
  const age = (days: number) =>
    sql`update deployment_events set occurred_at = occurred_at - make_interval(days => ${days}) where deployment_id = ${uuidOf(deployment.id)}`
  await remove(deployment.id)
  await restore(deployment.id)
  await age(8)
  await tidy()
  await remove((await api.create())['deployment'].id)
  expect((await timeline(deployment.id)).map(({ status }) => status)).toEqual(['QUEUED', 'DELETING', 'QUEUED'])
  await remove(deployment.id)
  await tidy()
  expect(await restore(deployment.id)).toMatchObject({ deployment: { sequence: 5 } })
  expect((await timeline(deployment.id)).map(({ status, sequence }) => `${sequence} ${status}`)).toEqual([
    '1 QUEUED',
    '2 DELETING',
    '3 QUEUED',
    '4 DELETING',
    '5 QUEUED',
  ])
})

test('after a week a deployment cannot be restored, and its values are removed', async () => {
  const { deployment } = await api.create()
  await remove(deployment.id)
  await sql`update deleted_deployments set deleted_at = now() - interval '169 hours' where id = ${uuidOf(deployment.id)}`
  expect((await listDeleted()).nodes.map(({ id }: { id: string }) => id)).not.toContain(deployment.id)
  expect(await restore(deployment.id)).toMatchObject({ code: 'DEPLOYMENT_NOT_FOUND', message: expect.stringContaining('7 days') })
  await tidy()
  expect(await sql`select from deleted_deployments where id = ${uuidOf(deployment.id)}`).toEqual([])
})

test('at most 1,000 deleted deployments of a workspace are kept, the latest', async () => {
  const { deployment } = await api.create()
  await remove(deployment.id)
  await sql`insert into deleted_deployments select (jsonb_populate_record(d, jsonb_build_object('id', uuidv7(), 'deleted_at', now() + make_interval(secs => n)))).*
    from deleted_deployments d, generate_series(1, 1200) n where d.id = ${uuidOf(deployment.id)}`
  await tidy()
  expect(await sql`select count(*)::int as count from deleted_deployments`).toEqual([{ count: 1000 }])
  expect(await sql`select from deleted_deployments where id = ${uuidOf(deployment.id)}`).toEqual([])
  await sql`delete from deleted_deployments`
})

test('a restored deployment has its revisions', { timeout: 60_000 }, async () => {
  const whole = await startTestService()
  const { deployment } = await whole.deploy()
  const client = revisionsOf(whole)
  const { revision } = await client.redeploy(deployment.id, { note: 'Conversations' })
  await until(async () => (await client.read(deployment.id))['currentRevision'].number === revision.number)
  const before = await client.read(deployment.id)

  await whole.act('deleteDeployment', deployment.id)
  await restore(deployment.id, whole)
  await collect(whole.watch(deployment.id))
  const after = await client.read(deployment.id)
  const shown = ({ number, note, isCurrent, acousticModel, createdBy }: Record<string, any>) => ({ number, note, isCurrent, acousticModel, createdBy })
  expect(after['revisions'].nodes.map(shown)).toEqual(before['revisions'].nodes.map(shown))
  expect(await client.rollback(deployment.id, 1)).toMatchObject({ deployment: { status: 'COMPLETE' }, revision: { number: 1, isCurrent: true } })
})

test('a deployment with a pending revision is not suspended', { timeout: 60_000 }, async () => {
  const whole = await startTestService()
  const { deployment } = await whole.deploy()
  const client = revisionsOf(whole)
  await client.redeploy(deployment.id, { canary: { percent: 10 } })
  expect(await whole.act('suspendDeployment', deployment.id)).toMatchObject({ code: 'STATUS_CONFLICT', message: expect.stringContaining('cancelRedeployment') })
  await client.cancel(deployment.id)
  expect(await whole.act('suspendDeployment', deployment.id)).toMatchObject({ deployment: { status: 'SUSPENDED' } })
})
