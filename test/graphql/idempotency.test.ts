// A repeated request creates nothing a second time, even if the first response was lost.
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { modelsOf } from '../support/models.ts'
import { openTestService, type Service, uuidOf } from '../support/service.ts'
import { until } from '../support/until.ts'

let api: Service
let sql: postgres.Sql
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api', MAX_KEYS: '40' })
  sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
})
afterAll(async () => {
  await sql.end()
  await api.close()
})

const newKey = () => crypto.randomUUID()
const preflight = async (input: object) => {
  const query = `query ($input: CreateDeploymentInput!) { deploymentPreflight(input: $input) { ok existing { id } problems { __typename ... on Error { code } } } }`
  return (await api.ask(query, { input })).data?.deploymentPreflight
}

describe('deployments', () => {
  test('deploymentPreflight and createDeployment agree on a new idempotency key, a repetition and a conflict', async () => {
    const input = { ...(await api.sampleInput()), idempotencyKey: newKey() }
    expect(await preflight(input)).toEqual({ ok: true, existing: null, problems: [] })
    const { deployment } = await api.create(input)
    expect(await preflight(input)).toEqual({ ok: true, existing: { id: deployment.id }, problems: [] })
    expect((await api.create({ ...input, locale: 'en-us', name: ` ${input.name} ` })).deployment.id).toBe(deployment.id)
    const other = { ...input, name: `${input.name} other` }
    expect(await preflight(other)).toEqual({ ok: false, existing: null, problems: [{ __typename: 'IdempotencyConflictError', code: 'IDEMPOTENCY_CONFLICT' }] })
    expect(await api.create(other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
    await api.act('deleteDeployment', deployment.id)
    expect(await preflight(input)).toMatchObject({ ok: false, problems: [{ code: 'IDEMPOTENCY_CONFLICT' }] })
  })

  test('a repeated request does not recreate a deleted deployment, and the idempotency key is free after a week', async () => {
    const input = { ...(await api.sampleInput()), idempotencyKey: newKey() }
    const { deployment } = await api.create(input)
    await api.act('deleteDeployment', deployment.id)
    expect(await api.create(input)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', path: 'idempotencyKey', message: expect.stringContaining('deleted') })
    const [row] = await sql`select expires_at - now() as left from idempotency_keys where key = ${input.idempotencyKey}`
    expect(String(row?.left)).toMatch(/^6 days|^7 days/)
    await sql`update idempotency_keys set expires_at = now() - interval '1 second' where key = ${input.idempotencyKey}`
    const again = await api.create(input)
    expect(again.deployment.id).not.toBe(deployment.id)
    expect((await api.create(input)).deployment.id).toBe(again.deployment.id)
  })
})

test('a repeated request does not recreate a deleted model', async () => {
  const models = modelsOf(api)
  const input = { name: `Words ${newKey().slice(0, 8)}`, text: 'a', idempotencyKey: newKey() }
  const { model } = await models.createLanguageModel(input)
  expect((await models.createLanguageModel(input)).model.id).toBe(model.id)
  await models.delete(model.id)
  expect(await models.createLanguageModel(input)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', message: expect.stringContaining('deleted') })
})

describe('keys', () => {
  const createKey = async (input: object, from: Pick<Service, 'ask'> = api) =>
    (
      await from.ask(
        'mutation ($input: CreateKeyInput!) { createKey(input: $input) { __typename ... on CreateKeySuccess { secret key { id scopes } } ... on Error { code path } } }',
        { input },
      )
    ).data?.createKey

  test('createKey repeated within minutes returns the same secret, but only to the caller of the first request', async () => {
    const input = { name: 'worker', scopes: ['MANAGE', 'READ', 'MANAGE'], expiresAt: '2090-01-01T00:00:00Z', idempotencyKey: newKey() }
    const first = await createKey(input)
    expect(first.secret).toMatch(/^cs_/)
    expect(await createKey({ ...input, scopes: ['READ', 'MANAGE'] })).toEqual(first)
    expect(await createKey(input, api.as(first.secret))).toEqual({ ...first, secret: null })
    expect((await api.as(first.secret).ask('{ viewer { scopes } }')).data?.viewer.scopes).toHaveLength(2)
    expect(await createKey({ ...input, name: 'other' })).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
    const [row] = await sql`select sealed_secret from idempotency_keys where key = ${input.idempotencyKey}`
    expect(row?.sealed_secret).not.toContain(first.secret)
    const [others] = await sql`select count(*)::int as count from keys where name = 'worker'`
    expect(others?.count).toBe(1)
  })

  test('createKey repeated later returns the key without the secret', async () => {
    const input = { name: 'late', scopes: ['READ'], idempotencyKey: newKey() }
    const first = await createKey(input)
    await sql`update idempotency_keys set sealed_secret = null where key = ${input.idempotencyKey}`
    expect(await createKey(input)).toEqual({ ...first, secret: null })
  })

  test('createKey repeated after the expiry of the key returns the same key', async () => {
    const input = { name: 'short', scopes: ['READ'], expiresAt: new Date(Date.now() + 1_500).toISOString(), idempotencyKey: newKey() }
    const first = await createKey(input)
    await until(() => Date.parse(input.expiresAt) < Date.now())
    expect(await createKey(input)).toEqual(first)
    expect(await createKey({ ...input, name: 'other' })).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
    expect(await createKey({ ...input, idempotencyKey: newKey() })).toMatchObject({ code: 'VALIDATION_FAILED', path: 'expiresAt' })
  })

  test('two simultaneous createKey requests for different workspaces with one idempotency key create one key', async () => {
    const made = await api.ask('mutation { createWorkspace(input: { name: "Elsewhere" }) { ... on CreateWorkspaceSuccess { workspace { id } } } }')
    const input = { name: 'race', scopes: ['READ'], idempotencyKey: newKey() }
    const inputs = [input, { ...input, workspaceId: made.data?.createWorkspace.workspace.id }]
    const query = 'mutation ($input: CreateKeyInput!) { createKey(input: $input) { __typename ... on Error { code } } }'
    // Both requests have looked for an earlier request before the lock on the table is released.
    const answers = await sql.begin(async (tx) => {
      await tx`lock table idempotency_keys in share mode`
      const asked = Promise.all(inputs.map((each) => api.ask(query, { input: each })))
      const isWaiting = async () =>
        (await tx`select from pg_locks where relation = 'idempotency_keys'::regclass and not granted and pid <> pg_backend_pid()`).length === 2
      await until(isWaiting)
      return { asked }
    })
    const outcomes = (await answers.asked).map(({ data, errors }) => data?.createKey?.__typename ?? errors?.[0]?.extensions?.code)
    expect(outcomes.sort()).toEqual(['CreateKeySuccess', 'SERVICE_UNAVAILABLE'])
    expect((await sql`select from keys where name = 'race'`).length).toBe(1)
    const again = await Promise.all(inputs.map((each) => createKey(each)))
    expect(again.map(({ __typename }) => __typename).sort()).toEqual(['CreateKeySuccess', 'IdempotencyConflictError'])
  })

  test('fifty createKey requests with one idempotency key create one key, even if the quota allows only one more', async () => {
    const [used] =
      await sql`select count(*)::int as count from keys where revoked_at is null and (expires_at is null or expires_at > now()) and workspace_id = (select id from workspaces order by id limit 1)`
    for (let n = used?.count; n < 39; n++) await createKey({ name: `fill ${n}`, scopes: ['READ'] })
    const input = { name: 'crowd', scopes: ['READ'], idempotencyKey: newKey() }
    const answers = await Promise.all(Array.from({ length: 50 }, () => createKey(input)))
    expect(new Set(answers.map(({ key }) => key.id)).size).toBe(1)
    expect(await createKey({ ...input, idempotencyKey: newKey() })).toMatchObject({ code: 'QUOTA_EXCEEDED' })
  })
})

test('createWorkspace repeated returns the same workspace, key and secret', async () => {
  const create = async (input: object) =>
    (
      await api.ask(
        'mutation ($input: CreateWorkspaceInput!) { createWorkspace(input: $input) { __typename ... on CreateWorkspaceSuccess { secret workspace { id name } key { id } } ... on Error { code } } }',
        { input },
      )
    ).data?.createWorkspace
  const input = { name: 'Team', idempotencyKey: newKey() }
  const first = await create(input)
  expect(await create(input)).toEqual(first)
  expect(await create({ ...input, name: 'Other' })).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
  expect((await sql`select from workspaces where name = 'Team'`).length).toBe(1)
  expect((await api.as(first.secret).ask('{ viewer { workspace { id } } }')).data?.viewer.workspace.id).toBe(first.workspace.id)
  expect(uuidOf(first.workspace.id)).toMatch(/^[0-9a-f-]{36}$/)
})

test.each(['', 'front desk', 'büro-1', 'x'.repeat(201), 'tab\t'])('the idempotency key %j is refused', async (idempotencyKey) => {
  expect(await api.create({ idempotencyKey })).toMatchObject({ code: 'VALIDATION_FAILED', path: 'idempotencyKey', message: expect.any(String) })
})
