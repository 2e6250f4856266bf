// Records that would otherwise grow without end are removed after a documented time.
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tidyRecords } from '../../src/jobs/tidy-records.ts'
import { openLog } from '../../src/log.ts'
import { type DatabaseClient, openClient } from '../../src/postgres/client.ts'
import { openTestService, type Service, type StatusChange, uuidOf } from '../support/service.ts'

let api: Service
let sql: postgres.Sql
let client: DatabaseClient
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  client = openClient(api.databaseUrl, openLog('silent'))
})
afterAll(async () => {
  await client.close()
  await sql.end()
  await api.close()
})
const tidy = () => tidyRecords({ store: client as never })

const timeline = async (id: string) =>
  (await api.ask('query ($id: ID!) { deployment(id: $id) { timeline(first: 100) { totalCount nodes { sequence status previousStatus cursor } } } }', { id }))
    .data?.deployment.timeline

test('a long log keeps its first event, status changes and the newest 200 events, and a resumed subscription receives them', async () => {
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

  // A cursor of a change that is gone stands for its place: what is kept behind it follows, in order, each once.
  const [, position, tag] = Buffer.from(begun.cursor, 'base64url').toString().split(':')
  const removed = Buffer.from(`deployment:${Number(position) + 700}:${tag}`).toString('base64url')
  const behind: number[] = []
  for await (const { sequence } of api.watch(deployment.id, { after: removed })) behind.push(sequence)
  expect(behind).toEqual(Array.from({ length: 200 }, (_, n) => 1303 + n))
  const ofAll: { deploymentId: string; sequence: number }[] = []
  for await (const { deploymentId, sequence } of api.watchAll({ after: removed })) if (ofAll.push({ deploymentId, sequence }) === 201) break
  expect(ofAll.slice(0, 200).map(({ sequence }) => sequence)).toEqual(behind)
  expect(ofAll[200]).toEqual({ deploymentId: other.id, sequence: 1 })
})

test('tidying removes keys 30 days after their end, with their idempotency keys, except bootstrap keys', async () => {
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

test('tidying removes the log and the idempotency key of a deleted deployment after a week', async () => {
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

test('an idempotency key expires when an older version has deleted its deployment', async () => {
  const idempotencyKey = crypto.randomUUID()
  const input = { ...(await api.sampleInput()), idempotencyKey }
  const { deployment } = await api.create(input)
  await sql`delete from deployments where id = ${uuidOf(deployment.id)}`
  expect(await api.create(input)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
  await tidy()
  const [row] = await sql`select expires_at > now() + interval '6 days' as later from idempotency_keys where key = ${idempotencyKey}`
  expect(row?.later).toBe(true)
})

describe('maximum numbers of records', () => {
  const ownWorkspace = async () => {
    const [row] = await sql`insert into workspaces (name) values ('Own') returning id`
    return row?.id as string
  }
  const countOf = async (table: string, workspaceId: string, where = 'true') =>
    (await sql.unsafe(`select count(*)::int as count from ${table} where workspace_id = '${workspaceId}' and ${where}`))[0]?.['count']

  test('tidying keeps the newest 1,000 ended keys of a workspace, and all valid keys', async () => {
    const [busy, quiet] = [await ownWorkspace(), await ownWorkspace()]
    for (const [workspace, ended] of [
      [busy, 1800],
      [quiet, 1000],
    ] as const)
      await sql`insert into keys (workspace_id, name, prefix, secret_hash, scopes, revoked_at, expires_at)
        select ${workspace}, 'k' || n, 'cs_', ${workspace} || n, '{READ}', case when n % 2 = 0 and n <= ${ended} then now() - make_interval(secs => n) end,
          case when n > ${ended} then null when n % 2 = 1 then now() - make_interval(secs => n) else now() + interval '1 day' end
        from generate_series(1, ${ended + 50}) n`
    await tidy()
    expect(await countOf('keys', busy)).toBe(1050)
    expect(await countOf('keys', quiet)).toBe(1050)
    expect(await countOf('keys', busy, `name in ('k1', 'k1000', 'k1801')`)).toBe(3)
    expect(await countOf('keys', busy, `name in ('k1001', 'k1800')`)).toBe(0)
  })

  test('tidying keeps the newest 1,000 logs of deleted deployments of a workspace', async () => {
    const workspace = await ownWorkspace()
    await sql`insert into deployment_events (deployment_id, workspace_id, sequence, position, progress, message, locale, status, occurred_at)
      select ('00000000-0000-7000-8000-' || lpad(row::text, 12, '0'))::uuid, ${workspace}, sequence, 2 * row + sequence, 0, '', 'en-US',
        case sequence when 1 then 'QUEUED' else 'DELETING' end::deployment_status, now() - make_interval(secs => row)
      from generate_series(1, 1200) row, generate_series(1, 2) sequence`
    await tidy()
    expect(await countOf('deployment_events', workspace)).toBe(2000)
    expect(await countOf('deployment_events', workspace, `occurred_at < now() - interval '1100 seconds'`)).toBe(0)
  })

  test('tidying keeps the newest 1,000 used uploads and 10,000 idempotency keys of deleted objects', async () => {
    const workspace = await ownWorkspace()
    await sql`insert into uploads (workspace_id, kind, sha256, size, expires_at, used_at)
      select ${workspace}, 'TEXT', n::text, 1, now() + interval '1 day', case when n <= 1100 then now() end from generate_series(1, 1103) n`
    await sql`insert into uploads (workspace_id, kind, sha256, size, expires_at) values (${workspace}, 'TEXT', 'expired', 1, now() - interval '1 second')`
    await sql`insert into idempotency_keys (workspace_id, key, input_hash, deployment_id, expires_at)
      select ${workspace}, n::text, '', uuidv7(), now() + make_interval(secs => 1000 + n) from generate_series(1, 10700) n`
    await tidy()
    expect(await countOf('uploads', workspace)).toBe(1003)
    expect(await countOf('uploads', workspace, 'used_at is null')).toBe(3)
    expect(await countOf('idempotency_keys', workspace)).toBe(10_000)
    expect(await countOf('idempotency_keys', workspace, 'key::int <= 700')).toBe(0)
  })
})
