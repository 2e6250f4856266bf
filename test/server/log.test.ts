import { type IncomingMessage, request } from 'node:http'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { redact } from '../../src/log.ts'
import { describeError } from '../../src/log-error.ts'
import { cloneDatabase } from '../support/postgres.ts'
import { makeDataDir, start } from '../support/program.ts'
import { until } from '../support/until.ts'

test.each([
  'key cs_abcdefghijklmnop-q in a line',
  'GET /speech?cid=1&Ocp-Apim-Subscription-Key=abcdefgh12345 HTTP/1.1',
  'GET /speech?Authorization=Bearer%20abcdefgh12345',
  'postgres://user:abcdefgh12345@host/db',
  'token cst_abcdefgh.ijklmnop',
])('the log redacts the secret in %j', (line) => {
  expect(redact(line)).not.toMatch(/abcdefgh/)
})

describe('an error in the log', () => {
  let sql: postgres.Sql
  beforeAll(() => {
    sql = postgres(inject('postgresUrl'), { max: 1, onnotice: () => {} })
  })
  afterAll(() => sql.end())

  /** The error of a statement, as the query builder wraps it. */
  const failed = async (statement: string, values: string[] = []) => {
    const cause = await sql.unsafe(statement, values).catch((error: Error) => error)
    return new DrizzleQueryError(statement, values, cause as Error)
  }

  test.each([
    ['do $$ begin set local role pg_monitor; create table forbidden (); end $$', 'permission denied for schema public (42501)'],
    ['do $$ begin set local transaction_read_only = on; create table forbidden (); end $$', 'cannot execute CREATE TABLE in a read-only transaction (25006)'],
    [`do $$ begin raise 'could not extend file: No space left on device' using errcode = '53100'; end $$`, 'No space left on device (53100)'],
  ])('has the cause and its code: %s', async (statement, cause) => {
    const said = describeError(await failed(statement))
    expect(said.split('\n')[0]).toMatch(/^DrizzleQueryError: Failed query: do .*; caused by PostgresError: /)
    expect(said).toContain(cause)
    expect(said).toMatch(/\n {4}at .*log\.test\.ts/)
  })

  test('never has the values of a statement', async () => {
    expect(describeError(await failed('select $1::uuid', ['secret-value']))).not.toContain('secret')
    expect(describeError(await failed('select $1::uuid', ['secret\nparams: "secret"\n    at secret']))).not.toContain('secret')
    expect(describeError(await failed('select $1::text as a from missing', ['secret-value']))).toMatch(/relation "missing" does not exist \(42P01\)/)
  })

  test('has every reason of an error with several', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' })
    expect(describeError(new AggregateError([refused, refused], ''), { withStack: false })).toBe(`AggregateError:  [${refused}; ${refused}]`)
  })
})

describe('the log of a process', () => {
  let api: Awaited<ReturnType<typeof start>>
  let sql: postgres.Sql
  const ends: (() => unknown)[] = []
  beforeAll(async () => {
    const database = await cloneDatabase(inject('postgresUrl'))
    sql = postgres(database.url, { max: 1, onnotice: () => {} })
    ends.push(database.drop, () => sql.end())
    const onFinished = ((end: () => unknown) => void ends.push(end)) as never
    api = await start({ DATABASE_URL: database.url, DATA_DIR: await makeDataDir(onFinished), ROLES: 'api', LOG_LEVEL: 'info' }, onFinished)
  })
  afterAll(async () => {
    for (const end of ends.reverse()) await end()
  })

  const lines = () =>
    api.said.err
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, any>)
  /** The line that has these fields. */
  const line = async (fields: object) => {
    const find = () => lines().find((one) => Object.entries(fields).every(([name, value]) => one[name] === value))
    await until(find)
    return find() as Record<string, any>
  }
  const ask = (query: string, headers: Record<string, string> = {}) =>
    fetch(`${api.url}/graphql?secret=in-the-query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${api.key}`, ...headers },
      body: JSON.stringify({ query }),
    })

  test('has one line for each request, with the id of the response, the route and the key', async () => {
    const response = await ask('{ viewer { workspace { name } } }')
    const id = response.headers.get('x-request-id')
    const [{ id: keyId } = { id: '' }] = await sql<{ id: string }[]>`select id from keys`
    const expected = { msg: 'request', level: 30, id, route: '/graphql', method: 'POST', status: 200, keyId, ms: expect.any(Number) }
    expect(await line({ id })).toEqual({ ...expected, time: expect.any(String), pid: api.child.pid, version: expect.stringMatching(/^\d/), roles: 'api' })
    expect(lines().filter((one) => one['id'] === id)).toHaveLength(1)
    expect(api.said.err).not.toMatch(/in-the-query|viewer/)
  })

  test.each([
    ['keeps an id that a proxy gave', 'Root=1-67891233-abcdef012345678912345678', true],
    ['replaces an id that is too long', 'x'.repeat(129), false],
    ['replaces an id with other characters', 'a "b" {c}', false],
  ])('%s', async (_, given, isKept) => {
    const id = (await fetch(`${api.url}/nothing`, { headers: { 'x-request-id': given } })).headers.get('x-request-id') ?? ''
    expect(id === given).toBe(isKept)
    expect(await line({ id })).toMatchObject({ route: 'unknown', status: 404 })
  })

  test('names the cause of an unexpected error under the id of the request, in the log and in the answer', async () => {
    await sql`alter table keys rename column name to hidden`
    const response = await ask('{ keys { nodes { name } } }', { 'x-request-id': 'my-own-id' })
    await sql`alter table keys rename column hidden to name`
    const { errors } = (await response.json()) as { errors: { message: string; extensions: { id: string } }[] }
    expect(errors[0]).toMatchObject({ message: expect.stringContaining('my-own-id'), extensions: { id: 'my-own-id' } })
    expect((await line({ id: 'my-own-id', level: 50 }))['error']).toMatch(
      /^DrizzleQueryError: Failed query: select .*; caused by PostgresError: column .* \(42703\)\n {4}at /,
    )
  })

  test('has one line for each status of a deployment', async () => {
    const { id } = (await api.create())['deployment']
    await api.act('cancelDeployment', id)
    const deploymentId = Buffer.from(id, 'base64').toString().split(':')[1]
    const shared = { deploymentId, workspaceId: expect.any(String), roles: 'api' }
    expect(await line({ deploymentId, status: 'QUEUED' })).toMatchObject({ ...shared, previousStatus: null })
    expect(await line({ deploymentId, status: 'CANCELED' })).toMatchObject({ ...shared, previousStatus: 'QUEUED' })
    expect(lines().filter((one) => one['deploymentId'] === deploymentId)).toHaveLength(2)
  })

  test('refusals of WebSockets and opened ones have the id too', async () => {
    const handshake = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': Buffer.alloc(16).toString('base64') }
    for (const [origin, status] of [
      [undefined, 101],
      ['https://other.example', 403],
    ] as const) {
      const { id, found } = await upgrade(api.url, { ...handshake, ...(origin ? { origin } : {}) })
      expect(found).toBe(status)
      expect(await line({ id })).toMatchObject({ route: '/graphql', method: 'GET', status })
    }
  })
})

async function upgrade(url: string, headers: Record<string, string>) {
  const sent = request(`${url}/graphql`, { headers }).end()
  const { promise, resolve } = Promise.withResolvers<IncomingMessage>()
  sent.once('response', resolve)
  sent.once('upgrade', (response, socket) => {
    socket.destroy()
    resolve(response)
  })
  const { statusCode, headers: answered } = await promise
  sent.destroy()
  return { found: statusCode, id: answered['x-request-id'] }
}
