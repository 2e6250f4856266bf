// Records that would otherwise grow without end are removed after a documented time.
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tidyRecords } from '../src/domain/retention.ts'
import { openTestService, type Service, type StatusChange, uuidOf } from './service.ts'

let api: Service
let sql: postgres.Sql
let pool: Pool
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  pool = new Pool({ connectionString: api.databaseUrl, max: 1 })
})
afterAll(async () => {
  await pool.end()
  await sql.end()
  await api.close()
})
const tidy = () => tidyRecords({ store: { db: drizzle({ client: pool }) } as never })

const timeline = async (id: string) =>
  (await api.ask('query ($id: ID!) { deployment(id: $id) { timeline(first: 100) { totalCount nodes { sequence status previousStatus cursor } } } }', { id }))
    .data?.deployment.timeline

test('a long log keeps its first change, status changes and the newest 200 changes; a watcher behind it gets those', async () => {
  const { deployment } = await api.create()
  const id = uuidOf(deployment.id)
  await api.act('cancelDeployment', deployment.id)
  const [begun] = (await timeline(deployment.id)).nodes
  await sql`with added as (
      insert into deployment_events (deployment_id, workspace_id, sequence, position, progress, message, locale, status, previous_status)
      select d.id, d.workspace_id, 2 + n, w.position + n, 0, 'Description changed.', 'en-US', 'CANCELED', 'CANCELED'
      from deployments d join workspaces w on w.id = d.workspace_id, generate_series(1, 1500) n where d.id = ${id} returning 1)
    update deployments set sequence = 1502 where id = ${id}`
  await sql`update workspaces set position = position + 1500 where id = (select workspace_id from deployments where id = ${id})`
  const { deployment: other } = await api.create()
  await tidy()
  const { totalCount, nodes } = await timeline(deployment.id)
  expect(totalCount).toBe(202)
  expect(nodes.slice(0, 3).map(({ sequence }: StatusChange) => sequence)).toEqual([1, 2, 1303])
  expect((await timeline(other.id)).totalCount).toBe(1)
  const seen: number[] = []
  for await (const { sequence } of api.watch(deployment.id, { after: begun.cursor })) seen.push(sequence)
  expect(seen.slice(0, 2)).toEqual([2, 1303])
  expect(seen.at(-1)).toBe(1502)
  expect(seen).toHaveLength(201)
  await tidy()
  expect((await timeline(deployment.id)).totalCount).toBe(202)
})

test('keys are removed 30 days after their end, with their idempotency keys; bootstrap keys never', async () => {
  const create = async (name: string, idempotencyKey?: string) =>
    (
      await api.ask('mutation ($input: CreateKeyInput!) { createKey(input: $input) { ... on CreateKeySuccess { key { id } } } }', {
        input: { name, scopes: ['READ'], idempotencyKey },
      })
    ).data?.createKey.key.id
  const [revoked, expired, lately, live] = [
    await create('revoked', 'long-gone'),
    await create('expired'),
    await create('lately'),
    await create('live', 'still-here'),
  ]
  await sql`update keys set revoked_at = now() - interval '31 days' where id = ${uuidOf(revoked)} or is_bootstrap`
  await sql`update keys set expires_at = now() - interval '31 days' where id = ${uuidOf(expired)}`
  await sql`update keys set revoked_at = now() - interval '29 days' where id = ${uuidOf(lately)}`
  await sql`update idempotency_keys set created_at = now() - interval '11 minutes' where key = 'still-here'`
  await tidy()
  const left = (await sql`select name from keys`).map(({ name }) => name)
  expect(left).toEqual(expect.arrayContaining(['bootstrap', 'lately', 'live']))
  expect(left).not.toContain('revoked')
  expect(left).not.toContain('expired')
  expect((await sql`select key, sealed_secret from idempotency_keys where key_id is not null`).map((row) => ({ ...row }))).toEqual([
    { key: 'still-here', sealed_secret: null },
  ])
  expect(live).toBeTruthy()
  await sql`update keys set revoked_at = null where is_bootstrap`
})

test('the log and the idempotency key of a deleted deployment are removed after a week', async () => {
  const idempotencyKey = crypto.randomUUID()
  const { deployment } = await api.create({ ...(await api.sampleInput()), idempotencyKey })
  await api.act('deleteDeployment', deployment.id)
  const id = uuidOf(deployment.id)
  await tidy()
  expect((await sql`select from deployment_events where deployment_id = ${id}`).length).toBe(2)
  expect((await sql`select from idempotency_keys where key = ${idempotencyKey}`).length).toBe(1)
  await sql`update deployment_events set occurred_at = now() - interval '8 days' where deployment_id = ${id}`
  await sql`update idempotency_keys set expires_at = now() - interval '1 second' where key = ${idempotencyKey}`
  await tidy()
  expect((await sql`select from deployment_events where deployment_id = ${id}`).length).toBe(0)
  expect((await sql`select from idempotency_keys where key = ${idempotencyKey}`).length).toBe(0)
})

test('an idempotency key whose deployment an older version has deleted expires as well', async () => {
  const idempotencyKey = crypto.randomUUID()
  const input = { ...(await api.sampleInput()), idempotencyKey }
  const { deployment } = await api.create(input)
  await sql`delete from deployments where id = ${uuidOf(deployment.id)}`
  expect(await api.create(input)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
  await tidy()
  const [row] = await sql`select expires_at > now() + interval '6 days' as later from idempotency_keys where key = ${idempotencyKey}`
  expect(row?.later).toBe(true)
})
