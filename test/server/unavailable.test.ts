// While Postgres cannot do something that it may do in a moment, every route says so with a code to retry on.
import postgres from 'postgres'
import { expect, onTestFinished, test } from 'vitest'
import { startTestServiceBehindProxy } from '../support/proxy.ts'
import { createTestClient, referenceRecording, startTestService } from '../support/service.ts'

const retryable = expect.stringMatching(/^(SERVICE_UNAVAILABLE|TIMEOUT)$/)

test('without Postgres every route answers SERVICE_UNAVAILABLE', { timeout: 120_000 }, async () => {
  const api = await startTestServiceBehindProxy({ ROLES: 'api,speech' })
  const ask = (headers: object, query: string) =>
    fetch(`${api.localUrl}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${api.key}`, ...headers },
      body: JSON.stringify({ query }),
    })
  // Known to the keyring, so that the statements of the request itself are what fails.
  expect((await ask({}, '{ deployments { totalCount } }')).status).toBe(200)
  const speechUrl = `${api.localUrl}/speech/recognition/conversation/cognitiveservices/v1?cid=01a203e4-0000-7000-8000-000000000000`
  api.proxy.close()

  const json = async (response: Response) => ({ status: response.status, retryAfter: response.headers.get('retry-after'), body: await response.json() })
  const unavailable = { status: 503, retryAfter: expect.stringMatching(/^\d$/) }
  const shown = { errors: [{ message: expect.stringMatching(/database.*Try again/), extensions: { code: 'SERVICE_UNAVAILABLE', id: expect.any(String) } }] }
  expect(await json(await ask({}, '{ deployments { totalCount } }'))).toMatchObject({ ...unavailable, body: shown })
  expect(await json(await ask({}, 'mutation { createKey(input: { name: "x", scopes: [READ] }) { __typename } }'))).toMatchObject({
    ...unavailable,
    body: shown,
  })
  expect(await json(await ask({ authorization: 'Bearer cs_of-a-stranger-that-nobody-knows' }, '{ viewer { scopes } }'))).toMatchObject({
    ...unavailable,
    body: shown,
  })

  const session = await fetch(`${api.localUrl}/session`, {
    method: 'POST',
    headers: { 'x-requested-with': 'test' },
    body: JSON.stringify({ key: 'cs_of-another-stranger-that-nobody-knows' }),
  })
  expect(await json(session)).toMatchObject({ ...unavailable, body: { code: 'SERVICE_UNAVAILABLE', message: expect.stringContaining('Try again') } })

  const authorization = `Bearer ${api.key}`
  const upload = await fetch(`${api.localUrl}/uploads?kind=text`, { method: 'PUT', headers: { authorization }, body: 'four of clubs\n' })
  expect(await json(upload)).toMatchObject({ ...unavailable, body: { code: 'SERVICE_UNAVAILABLE' } })
  const speech = await fetch(speechUrl, { method: 'POST', headers: { authorization }, body: referenceRecording() })
  expect(await json(speech)).toMatchObject({ ...unavailable, body: { code: 'SERVICE_UNAVAILABLE' } })
  const models = await fetch(`${api.localUrl}/v1/models`, { headers: { authorization } })
  expect(await json(models)).toMatchObject({ ...unavailable, body: { error: { code: 'SERVICE_UNAVAILABLE', type: 'server_error' } } })

  const watching = 'subscription { deploymentStatusChanged { __typename } }'
  expect(await (await ask({ accept: 'text/event-stream' }, watching)).text()).toMatch(/"code":"SERVICE_UNAVAILABLE"/)
  await expect(first(api.watchAll({ over: 'ws' }))).rejects.toThrow('"code":"SERVICE_UNAVAILABLE"')
  const stranger = createTestClient(api.localUrl, 'cs_of-a-third-stranger-that-nobody-knows')
  await expect(first(stranger.watch('x', { over: 'ws' }))).rejects.toMatchObject({ code: 1013 })
  await stranger.dispose()
})

test('a workspace whose lock is held, a full pool and a slow statement answer with TIMEOUT', { timeout: 120_000 }, async () => {
  const api = await startTestService({ ROLES: 'api', LOG_LEVEL: 'silent' })
  const sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  onTestFinished(() => sql.end())
  const holding = sql.begin(async (tx) => {
    await tx`select from workspaces for update`
    await tx`lock table deployments in access exclusive mode`
    const changes = Array.from({ length: 3 }, () => api.ask('mutation { createKey(input: { name: "x", scopes: [READ] }) { __typename } }'))
    const reads = Array.from({ length: 12 }, () => api.ask('{ deployments { nodes { id } } }'))
    const answers = await Promise.all([...changes, ...reads])
    for (const { errors } of answers) expect(errors?.[0]).toMatchObject({ message: expect.stringContaining('ry again'), extensions: { code: retryable } })
    expect(answers.some(({ errors }) => errors?.[0]?.extensions?.code === 'TIMEOUT')).toBe(true)
  })
  await holding
  expect((await api.ask('{ deployments { nodes { id } } }')).data).toEqual({ deployments: { nodes: [] } })
  expect((await api.ask('mutation { createKey(input: { name: "x", scopes: [READ] }) { __typename } }')).data?.createKey.__typename).toBe('CreateKeySuccess')
})

test('with a read-only database requests and /ready fail with SERVICE_UNAVAILABLE', async () => {
  const api = await startTestService({ ROLES: 'api', LOG_LEVEL: 'silent' })
  const sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  onTestFinished(() => sql.end())
  await sql.unsafe(`alter database ${new URL(api.databaseUrl).pathname.slice(1)} set default_transaction_read_only = on`)
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`
  const create = () => api.ask('mutation { createKey(input: { name: "x", scopes: [READ] }) { __typename } }')
  await expect
    .poll(create, { timeout: 10_000 })
    .toMatchObject({ errors: [{ message: expect.stringContaining('cannot be written'), extensions: { code: 'SERVICE_UNAVAILABLE' } }] })
  expect((await fetch(`${api.localUrl}/ready`)).status).toBe(503)
})

async function first<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item
  return undefined
}
