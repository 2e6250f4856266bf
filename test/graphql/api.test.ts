// The queries and mutations without jobs: a deployment stays QUEUED until the test changes its status.
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { collect, openTestService, type Service, uuidOf } from '../support/service.ts'

let api: Service
let sql: postgres.Sql
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api', MAX_DEPLOYMENTS: '40' })
  sql = postgres(api.databaseUrl, { max: 2, onnotice: () => {} })
})
afterAll(async () => {
  await sql.end()
  await api.close()
})

const nothing = Buffer.from('Deployment:01990000-0000-7000-8000-00000000ffff').toString('base64')

describe('nodes', () => {
  test('node finds every type by its id, and nodes keeps the order of the ids', async () => {
    const { deployment } = await api.create()
    const { data } = await api.ask('{ viewer { key { id } workspace { id } } models(first: 4) { nodes { id } } }')
    const ids = [deployment.id, data?.viewer.key.id, data?.viewer.workspace.id, ...(data?.models.nodes ?? []).map(({ id }: { id: string }) => id)]
    const found = await api.ask('query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }', { ids })
    expect(found.data?.nodes.map(({ id }: { id: string }) => id)).toEqual(ids)
    expect(found.data?.nodes.map(({ __typename }: { __typename: string }) => __typename).slice(0, 3)).toEqual(['Deployment', 'Key', 'Workspace'])
    for (const id of ids) expect((await api.ask('query ($id: ID!) { node(id: $id) { id } }', { id })).data?.node).toEqual({ id })
  })

  test.each([
    'garbage',
    '',
    nothing,
    Buffer.from('Nonsense:1').toString('base64'),
    Buffer.from("Deployment:' or 1=1").toString('base64'),
    Buffer.from('__proto__:x').toString('base64'),
  ])('%j is not found, in the one shape', async (id) => {
    expect(await api.ask('query ($id: ID!) { node(id: $id) { id } }', { id })).toEqual({ data: { node: null } })
  })
})

describe('workspaces', () => {
  test('no query or mutation reaches an object of another workspace', async () => {
    const { data } = await api.ask(
      'mutation { createWorkspace(input: { name: "Other" }) { ... on CreateWorkspaceSuccess { secret workspace { name } key { scopes } } } }',
    )
    expect(data?.createWorkspace).toMatchObject({ workspace: { name: 'Other' }, key: { scopes: ['MANAGE', 'READ', 'RECOGNIZE'] } })
    const other = api.as(data?.createWorkspace.secret)
    const { deployment } = await api.create()
    const ask = async (query: string) => (await other.ask(query, { id: deployment.id })).data
    expect(await ask('query ($id: ID!) { deployment(id: $id) { id } node(id: $id) { id } nodes(ids: [$id]) { id } }')).toEqual({
      deployment: null,
      node: null,
      nodes: [null],
    })
    expect(await ask('{ deployments { totalCount nodes { id } statusCounts { count } } keys { totalCount } }')).toEqual({
      deployments: { totalCount: 0, nodes: [], statusCounts: [] },
      keys: { totalCount: 1 },
    })
    for (const mutation of ['cancelDeployment', 'retryDeployment', 'deleteDeployment']) {
      expect((await ask(`mutation ($id: ID!) { ${mutation}(id: $id) { __typename } }`))?.[mutation]).toEqual({ __typename: 'DeploymentNotFoundError' })
    }
    expect((await ask('mutation ($id: ID!) { updateDeployment(input: { id: $id, name: "mine" }) { __typename } }'))?.updateDeployment.__typename).toBe(
      'DeploymentNotFoundError',
    )
    expect(await collect(other.watch(deployment.id))).toEqual([expect.objectContaining({ code: 'DEPLOYMENT_NOT_FOUND' })])
    expect(
      (await other.ask('mutation { createWorkspace(input: { name: "Third" }) { __typename ... on NotAuthorizedError { requiredScope } } }')).data
        ?.createWorkspace,
    ).toEqual({
      __typename: 'NotAuthorizedError',
      requiredScope: null,
    })
    await other.dispose()
  })
})

describe('createDeployment', () => {
  test('repeated and simultaneous createDeployment requests with one idempotency key create one deployment', async () => {
    const input = { ...(await api.sampleInput()), idempotencyKey: crypto.randomUUID() }
    const answers = await Promise.all(Array.from({ length: 50 }, () => api.create(input)))
    expect(new Set(answers.map(({ deployment }) => deployment?.id)).size).toBe(1)
    expect(await sql`select count(*)::int as n from pgboss.job where data ->> 'deploymentId' = ${uuidOf(answers[0]?.deployment.id)}`).toEqual([{ n: 1 }])
    expect(await api.create({ ...input, name: 'Something else' })).toMatchObject({ __typename: 'IdempotencyConflictError', path: 'idempotencyKey' })
  })

  test('of fifty simultaneous createDeployment requests with one name, one succeeds and the others get DuplicateDeploymentNameError', async () => {
    const name = `Race ${crypto.randomUUID()}`
    const input = await api.sampleInput()
    const answers = await Promise.all(Array.from({ length: 50 }, () => api.create({ ...input, name })))
    const kinds = answers.map(({ __typename }) => __typename)
    expect(kinds.filter((kind) => kind === 'CreateDeploymentSuccess')).toHaveLength(1)
    expect(kinds.filter((kind) => kind === 'DuplicateDeploymentNameError')).toHaveLength(49)
  })
})

describe('deploymentPreflight', () => {
  const preflight = async (input: object) =>
    (
      await api.ask(
        'query ($input: CreateDeploymentInput!) { deploymentPreflight(input: $input) { ok problems { __typename ... on Error { path } ... on IncompatibleModelsError { compatibleLanguageModels { name } } } } }',
        { input },
      )
    ).data?.deploymentPreflight

  test('a preflight accepts a valid input and creates no deployment', async () => {
    const input = await api.sampleInput()
    expect(await preflight(input)).toEqual({ ok: true, problems: [] })
    expect(await sql`select from deployments where name = ${input.name}`).toHaveLength(0)
  })

  test('a preflight returns every problem and the models that fit', async () => {
    const { deployment } = await api.create()
    const input = {
      ...(await api.sampleInput()),
      name: deployment.name,
      description: 'x'.repeat(2000),
      acousticModelId: await api.modelId('ACOUSTIC', 'CONVERSATIONAL'),
    }
    const { ok, problems } = await preflight(input)
    expect(ok).toBe(false)
    expect(problems).toEqual([
      { __typename: 'ValidationError', path: 'description' },
      { __typename: 'IncompatibleModelsError', path: 'languageModelId', compatibleLanguageModels: [{ name: 'Conversational' }] },
      { __typename: 'DuplicateDeploymentNameError', path: 'name' },
    ])
  })
})

describe('updateDeployment', () => {
  const update = async (input: object) => {
    const { data, errors } = await api.ask(
      `mutation ($input: UpdateDeploymentInput!) { updateDeployment(input: $input) { __typename ... on Error { code path }
        ... on UpdateDeploymentSuccess { deployment { name description sequence } } ... on SequenceMismatchError { deployment { sequence } } } }`,
      { input },
    )
    if (!data) throw new Error(JSON.stringify(errors))
    return data.updateDeployment
  }

  test('updateDeployment changes the name, notifies subscribers and keeps omitted fields', async () => {
    const { deployment } = await api.create()
    const name = `Renamed ${deployment.name}`
    expect(await update({ id: deployment.id, name })).toMatchObject({ deployment: { name, description: 'For a test', sequence: 2 } })
    expect(await update({ id: deployment.id, description: '' })).toMatchObject({ deployment: { name, description: '', sequence: 3 } })
    expect(await update({ id: deployment.id, name })).toMatchObject({ deployment: { sequence: 3 } })
  })

  test('updateDeployment refuses an old ifSequence, a taken name and an invalid name', async () => {
    const [first, second] = [(await api.create()).deployment, (await api.create()).deployment]
    expect(await update({ id: first.id, name: 'Seen at 1', ifSequence: 1 })).toMatchObject({ __typename: 'UpdateDeploymentSuccess' })
    expect(await update({ id: first.id, name: 'Too late', ifSequence: 1 })).toEqual({
      __typename: 'SequenceMismatchError',
      code: 'SEQUENCE_MISMATCH',
      path: 'ifSequence',
      deployment: { sequence: 2 },
    })
    expect(await update({ id: second.id, name: 'SEEN AT 1' })).toMatchObject({ __typename: 'DuplicateDeploymentNameError', path: 'name' })
    expect(await update({ id: second.id, name: '\u202E' })).toMatchObject({ __typename: 'ValidationError', path: 'name' })
    expect(await update({ id: nothing, name: 'x' })).toMatchObject({ __typename: 'DeploymentNotFoundError' })
  })
})

describe('cancel, retry, delete', () => {
  test('cancelDeployment cancels a deployment that is not terminal, and records one change', async () => {
    const { deployment } = await api.create()
    expect(await api.act('cancelDeployment', deployment.id)).toMatchObject({ deployment: { status: 'CANCELED', sequence: 2 } })
    expect(await api.act('cancelDeployment', deployment.id)).toMatchObject({ deployment: { status: 'CANCELED', sequence: 2 } })
    await sql`update deployments set status = 'COMPLETE' where id = ${uuidOf(deployment.id)}`
    expect(await api.act('cancelDeployment', deployment.id)).toMatchObject({ __typename: 'StatusConflictError', status: 'COMPLETE' })
  })

  test('retryDeployment queues a failed or canceled deployment again, and refuses other statuses', async () => {
    const { deployment } = await api.create()
    expect(await api.act('retryDeployment', deployment.id)).toMatchObject({ __typename: 'StatusConflictError', status: 'QUEUED' })
    await api.act('cancelDeployment', deployment.id)
    expect(await api.act('retryDeployment', deployment.id)).toMatchObject({ deployment: { id: deployment.id, status: 'QUEUED', progress: 0 } })
    expect(await sql`select attempt from deployments where id = ${uuidOf(deployment.id)}`).toEqual([{ attempt: 2 }])
  })

  test('deleteDeployment removes the row and its log, notifies subscribers, and succeeds when repeated', async () => {
    const { deployment } = await api.create()
    const watching = collect(api.watch(deployment.id))
    await expect.poll(async () => (await sql`select 1 from deployment_events where deployment_id = ${uuidOf(deployment.id)}`).length).toBe(1)
    expect(await api.act('deleteDeployment', deployment.id)).toEqual({ __typename: 'DeleteDeploymentSuccess', deletedId: deployment.id })
    expect((await watching).at(-1)).toMatchObject({ status: 'DELETING', isTerminal: true, deployment: null })
    expect(await api.act('deleteDeployment', deployment.id)).toEqual({ __typename: 'DeleteDeploymentSuccess', deletedId: deployment.id })
    expect(await api.act('deleteDeployment', nothing)).toMatchObject({ __typename: 'DeploymentNotFoundError' })
    expect((await api.ask('query ($id: ID!) { deployment(id: $id) { id } }', { id: deployment.id })).data?.deployment).toBeNull()
    expect(await collect(api.watch(deployment.id))).toEqual([expect.objectContaining({ code: 'DEPLOYMENT_NOT_FOUND' })])
    expect(await api.create({ name: deployment.name })).toMatchObject({ __typename: 'CreateDeploymentSuccess' })
  })
})

test('a deployment has a timeline, an estimate and the time of a stall', async () => {
  const { deployment } = await api.create()
  const look = async () =>
    (
      await api.ask(
        'query ($id: ID!) { deployment(id: $id) { sequence stalledSince estimatedCompletion { p50 p90 } timeline(first: 10) { totalCount nodes { sequence status message } } } }',
        { id: deployment.id },
      )
    ).data?.deployment
  expect(await look()).toEqual({
    sequence: 1,
    stalledSince: null,
    estimatedCompletion: null,
    timeline: { totalCount: 1, nodes: [{ sequence: 1, status: 'QUEUED', message: 'Waiting for a worker.' }] },
  })
  // The state that a worker leaves when it stops making progress.
  await sql`update pgboss.job set state = 'active', heartbeat_on = now(), started_on = now() where data->>'deploymentId' = ${uuidOf(deployment.id)}`
  await sql`update deployments set status = 'PROVISIONING', stage = 'LOADING', updated_at = now() - interval '2 minutes' where id = ${uuidOf(deployment.id)}`
  await expect.poll(async () => (await look()).stalledSince, { timeout: 10_000 }).not.toBeNull()
})

test('a deployment over the quota is refused with the limit and the usage', async () => {
  const { data } = await api.ask('{ viewer { limits { deployments { limit used } keys { limit used } pageSize operationCost operationDepth } } }')
  const { limit, used } = data?.viewer.limits.deployments ?? {}
  expect(limit).toBe(40)
  const answers = await Promise.all(Array.from({ length: limit - used + 3 }, () => api.create()))
  expect(answers.filter(({ __typename }) => __typename === 'CreateDeploymentSuccess')).toHaveLength(limit - used)
  const refused = await api.ask(
    'mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { __typename ... on QuotaExceededError { limit used code } } }',
    { input: await api.sampleInput() },
  )
  expect(refused.data?.createDeployment).toEqual({ __typename: 'QuotaExceededError', limit: 40, used: 40, code: 'QUOTA_EXCEEDED' })
})
