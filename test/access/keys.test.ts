import { afterAll, beforeAll, expect, test } from 'vitest'
import { collect, openTestService, referenceRecording, type Service, startTestService } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService()
})
afterAll(() => api.close())

async function createKey(input: object) {
  const { data, errors } = await api.ask(
    `mutation ($input: CreateKeyInput!) { createKey(input: $input) { __typename ... on Error { code path }
      ... on CreateKeySuccess { secret key { id name prefix scopes expiresAt lastUsedAt revokedAt isBootstrap } } } }`,
    { input: { name: 'test', scopes: ['READ'], ...input } },
  )
  if (!data) throw new Error(JSON.stringify(errors))
  return data.createKey
}

const soon = () => new Date(Date.now() + 2500).toISOString()

const revoke = async (id: string) =>
  (await api.ask('mutation ($id: ID!) { revokeKey(id: $id) { __typename ... on RevokeKeySuccess { key { revokedAt } } } }', { id })).data?.revokeKey

test('the server shows a secret once, lists the key without it, and records the last use', async () => {
  const { key, secret } = await createKey({ name: 'Reader' })
  expect(secret).toMatch(/^cs_[\w-]{43}$/)
  expect(key).toMatchObject({ name: 'Reader', prefix: secret.slice(0, 10), scopes: ['READ'], lastUsedAt: null, revokedAt: null, isBootstrap: false })
  const reader = api.as(secret)
  const { data } = await reader.ask('{ viewer { key { name } scopes workspace { name } } keys { nodes { name prefix } } }')
  expect(data?.viewer).toEqual({ key: { name: 'Reader' }, scopes: ['READ'], workspace: { name: 'Default' } })
  expect(JSON.stringify(data)).not.toContain(secret)
  await expect
    .poll(async () => (await api.ask('query ($id: ID!) { node(id: $id) { ... on Key { lastUsedAt } } }', { id: key.id })).data?.node.lastUsedAt)
    .not.toBeNull()
})

test('the list of keys filters valid and ended keys', async () => {
  const [live, revoked, expired] = [
    await createKey({ name: 'Live' }),
    await createKey({ name: 'Revoked' }),
    await createKey({ name: 'Expired', expiresAt: soon() }),
  ]
  await revoke(revoked.key.id)
  const list = async (where: object | null) => {
    const { data } = await api.ask('query ($where: KeyFilter) { keys(first: 100, where: $where) { totalCount nodes { id } } }', { where })
    const ids = data?.keys.nodes.map(({ id }: { id: string }) => id)
    expect(data?.keys.totalCount).toBe(ids.length)
    return [live, revoked, expired].map(({ key }) => ids.includes(key.id))
  }
  await expect.poll(() => list({ isActive: true }), { timeout: 20_000 }).toEqual([true, false, false])
  expect(await list({ isActive: false })).toEqual([false, true, true])
  for (const where of [null, {}, { isActive: null }]) expect(await list(where)).toEqual([true, true, true])
})

test('a READ key queries and subscribes, and every mutation refuses it with the missing scope', async () => {
  const reader = api.as((await createKey({ scopes: ['READ'] })).secret)
  expect((await reader.ask('{ deployments { totalCount } }')).errors).toBeUndefined()
  const input = await api.sampleInput()
  const mutations = [
    ['createDeployment', 'createDeployment(input: $input)'],
    ['updateDeployment', 'updateDeployment(input: { id: "x", name: "\\u0000" })'],
    ['cancelDeployment', 'cancelDeployment(id: "x")'],
    ['retryDeployment', 'retryDeployment(id: "x")'],
    ['deleteDeployment', 'deleteDeployment(id: "x")'],
    ['createKey', 'createKey(input: { name: "x", scopes: [MANAGE] })'],
    ['revokeKey', 'revokeKey(id: "x")'],
    ['createWorkspace', 'createWorkspace(input: { name: "x" })'],
  ] as const
  for (const [name, call] of mutations) {
    const variables = call.includes('$input') ? '($input: CreateDeploymentInput!)' : ''
    const { data, errors } = await reader.ask(`mutation ${variables} { ${call} { __typename ... on NotAuthorizedError { requiredScope } } }`, { input })
    expect(data?.[name], JSON.stringify(errors)).toEqual({ __typename: 'NotAuthorizedError', requiredScope: name === 'createWorkspace' ? null : 'MANAGE' })
  }
  const { ok, problems } =
    (await reader.ask('query ($input: CreateDeploymentInput!) { deploymentPreflight(input: $input) { ok problems { __typename } } }', { input })).data
      ?.deploymentPreflight ?? {}
  expect([ok, problems]).toEqual([false, [{ __typename: 'NotAuthorizedError' }]])
  await reader.dispose()
})

test('a MANAGE key can read, and a RECOGNIZE key recognizes but cannot use GraphQL', async () => {
  const manager = api.as((await createKey({ scopes: ['MANAGE'] })).secret)
  expect((await manager.ask('{ deployments { totalCount } }')).errors).toBeUndefined()
  const { deployment } = await api.deploy()
  const url = deployment.endpoint?.httpUrl ?? ''
  expect((await manager.post(url, referenceRecording())).status).toBe(403)

  const recognizer = api.as((await createKey({ scopes: ['RECOGNIZE'] })).secret)
  expect((await recognizer.post(url, referenceRecording())).status).toBe(200)
  expect((await recognizer.ask('{ locales { code } }')).errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', requiredScope: 'READ' })
  await expect(collect(recognizer.watch('x'))).rejects.toMatchObject({ code: 4403, reason: expect.stringContaining('READ') })
})

test('revoking a key refuses its requests and ends its open streams', async () => {
  const { key, secret } = await createKey({ scopes: ['READ', 'RECOGNIZE'] })
  const doomed = api.as(secret)
  expect((await doomed.ask('{ locales { code } }')).errors).toBeUndefined()
  const ws = collect(doomed.watchAll({})).catch((event) => event)
  const sse = collect(doomed.watchAll({ over: 'sse' })).catch((event) => event)
  await new Promise((resolve) => setTimeout(resolve, 300))
  const started = performance.now()
  expect(await revoke(key.id)).toMatchObject({ key: { revokedAt: expect.any(String) } })
  expect(await ws).toMatchObject({ code: 4403, reason: expect.stringContaining('revoked') })
  await sse
  expect(performance.now() - started).toBeLessThan(2000)
  expect((await doomed.ask('{ locales { code } }')).errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED')
  expect(await revoke(key.id)).toMatchObject({ __typename: 'RevokeKeySuccess' })
  expect(await revoke('garbage')).toEqual({ __typename: 'KeyNotFoundError' })
})

test('a key expires, and its open streams end', async () => {
  const { secret } = await createKey({ expiresAt: new Date(Date.now() + 2500).toISOString() })
  const brief = api.as(secret)
  expect((await brief.ask('{ locales { code } }')).errors).toBeUndefined()
  await expect(collect(brief.watchAll({}))).rejects.toMatchObject({ code: 4403 })
  expect((await brief.ask('{ locales { code } }')).errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED')
})

test.each([
  [{ name: '' }, 'name'],
  [{ scopes: [] }, 'scopes'],
  [{ expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
])('createKey refuses %j and names the field', async (input, path) => {
  expect(await createKey(input)).toMatchObject({ __typename: 'ValidationError', path })
})

async function createWorkspace(client: Pick<Service, 'ask'> = api) {
  const { data } = await client.ask(
    'mutation { createWorkspace(input: { name: "Another" }) { __typename ... on CreateWorkspaceSuccess { secret key { id } workspace { id } } } }',
  )
  return data?.createWorkspace
}

test('the server refuses to revoke the last key with MANAGE, even when two keys revoke each other at once', async () => {
  const { secret, key } = await createWorkspace()
  const first = api.as(secret)
  const revokeBy = async (client: Pick<Service, 'ask'>, id: string) =>
    (await client.ask('mutation ($id: ID!) { revokeKey(id: $id) { __typename ... on Error { code path message } } }', { id })).data?.revokeKey
  const refused = { __typename: 'LastManageKeyError', code: 'LAST_MANAGE_KEY', path: 'id', message: expect.stringContaining('Create another key with MANAGE') }
  expect(await revokeBy(first, key.id)).toEqual(refused)

  const make = async (input: object) =>
    (
      await first.ask('mutation ($input: CreateKeyInput!) { createKey(input: $input) { ... on CreateKeySuccess { secret key { id } } } }', {
        input: { name: 'x', ...input },
      })
    ).data?.createKey
  // Neither of these could manage the workspace afterwards.
  await make({ scopes: ['READ', 'RECOGNIZE'] })
  const gone = await make({ scopes: ['MANAGE'] })
  await revokeBy(first, gone.key.id)
  expect(await revokeBy(first, key.id)).toEqual(refused)

  for (let round = 0; round < 5; round++) {
    const rival = await make({ scopes: ['MANAGE'] })
    const second = api.as(rival.secret)
    expect((await second.ask('{ viewer { scopes } }')).errors).toBeUndefined()
    const results = await Promise.all([revokeBy(first, rival.key.id), revokeBy(second, key.id)])
    await second.dispose()
    const names = results.map((result) => result?.__typename)
    // The loser may have been locked out before it was heard.
    expect(
      names.filter((name) => name === 'RevokeKeySuccess'),
      JSON.stringify(results),
    ).toHaveLength(1)
    const survivor = names[0] === 'RevokeKeySuccess' ? first : api.as(rival.secret)
    expect((await survivor.ask('{ keys { totalCount } }')).errors).toBeUndefined()
    if (survivor !== first) break
  }
})

test('the bootstrap key lists all workspaces and creates keys for any of them, and other keys only for theirs', async () => {
  const { secret, workspace } = await createWorkspace()
  const { data } = await api.ask('{ workspaces(first: 100) { totalCount nodes { id name } } }')
  expect(data?.workspaces.nodes).toContainEqual({ id: workspace.id, name: 'Another' })
  expect(data?.workspaces.totalCount).toBe(data?.workspaces.nodes.length)

  const rescued = await createKey({ workspaceId: workspace.id, scopes: ['MANAGE'] })
  const rescuer = api.as(rescued.secret)
  expect((await rescuer.ask('{ viewer { workspace { id } key { isBootstrap } } }')).data?.viewer).toEqual({ workspace, key: { isBootstrap: false } })

  const own = (await api.ask('{ viewer { workspace { id } } }')).data?.viewer.workspace.id
  const stranger = api.as(secret)
  const make = async (workspaceId: string | null) =>
    (
      await stranger.ask(
        'mutation ($input: CreateKeyInput!) { createKey(input: $input) { __typename ... on NotAuthorizedError { requiredScope } ... on Error { code } } }',
        { input: { name: 'x', scopes: ['MANAGE'], workspaceId } },
      )
    ).data?.createKey
  const refused = { __typename: 'NotAuthorizedError', code: 'NOT_AUTHORIZED', requiredScope: null }
  expect(await make(own)).toEqual(refused)
  // No difference between a workspace of somebody else and none at all.
  expect(await make('garbage')).toEqual(refused)
  expect(await make(workspace.id)).toMatchObject({ __typename: 'CreateKeySuccess' })
  expect(await make(null)).toMatchObject({ __typename: 'CreateKeySuccess' })
  expect((await stranger.ask('{ workspaces { totalCount } }')).errors?.[0]?.extensions?.code).toBe('NOT_AUTHORIZED')
  expect(await createKey({ workspaceId: 'garbage' })).toEqual({ __typename: 'WorkspaceNotFoundError', code: 'WORKSPACE_NOT_FOUND', path: 'workspaceId' })
  await Promise.all([rescuer.dispose(), stranger.dispose()])
})

test('the server refuses to revoke its BOOTSTRAP_KEY', async () => {
  const configured = await startTestService({ ROLES: 'api', BOOTSTRAP_KEY: 'cs_configured-for-this-test-only' })
  const { data } = await configured.ask('{ viewer { key { id } } }')
  await configured.ask('mutation { createKey(input: { name: "other", scopes: [MANAGE] }) { __typename } }')
  const { data: answer } = await configured.ask('mutation ($id: ID!) { revokeKey(id: $id) { __typename ... on Error { code message } } }', {
    id: data?.viewer.key.id,
  })
  expect(answer?.revokeKey).toEqual({ __typename: 'KeyConfiguredError', code: 'KEY_CONFIGURED', message: expect.stringContaining('BOOTSTRAP_KEY') })
  expect((await configured.ask('{ viewer { scopes } }')).errors).toBeUndefined()
})
