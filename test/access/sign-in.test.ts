// The dashboard's cookie: what it opens, and everything that must not come in with it.
import { once } from 'node:events'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { readConfig } from '../../src/config.ts'
import { tidyRecords } from '../../src/domain/retention.ts'
import { allJobs } from '../../src/lifecycle/job-definitions.ts'
import { startService } from '../../src/main.ts'
import { openStore } from '../../src/postgres/store.ts'
import buildDashboard from '../browser/build.ts'
import { makeDirectory } from '../support/postgres.ts'
import { silentLog } from '../support/recognizers.ts'
import { openTestService, type Service, uuidOf } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api,speech' })
})
afterAll(() => api.close())

const own = { 'x-requested-with': 'dashboard' }

const signIn = (key: unknown, headers: Record<string, string> = own) =>
  fetch(`${api.localUrl}/session`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ key }) })

async function cookieFor(key = api.key): Promise<string> {
  const response = await signIn(key)
  expect(response.status).toBe(204)
  return response.headers.get('set-cookie')?.split(';')[0] ?? ''
}

const ask = (headers: Record<string, string>, path = '/graphql') =>
  fetch(api.localUrl + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: '{"query":"{ viewer { key { name } } }"}' })

test('a key becomes a cookie that scripts cannot read and that does not hold the key', async () => {
  const cookie = (await signIn(api.key)).headers.get('set-cookie') ?? ''
  expect(cookie).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/)
  expect(Buffer.from(cookie.split('=')[1]?.split(';')[0] ?? '', 'base64url').toString('latin1')).not.toContain(api.key)
  expect(await (await ask({ cookie: await cookieFor(), ...own })).json()).toEqual({ data: { viewer: { key: { name: 'bootstrap' } } } })
})

test.each([['cs_unknown'], [''], [42], [null], ['x'.repeat(10_000)]])('%j is refused in words', async (key) => {
  const response = await signIn(key)
  expect(response.status).toBe(401)
  expect(await response.json()).toEqual({ message: expect.stringContaining('unknown, expired or revoked') })
})

test('a key that may only recognize cannot sign in', async () => {
  const { data } = await api.ask('mutation { createKey(input: { name: "Caller", scopes: [RECOGNIZE] }) { ... on CreateKeySuccess { secret } } }')
  expect((await signIn(data?.createKey.secret)).status).toBe(403)
})

test('the session ends with its key', async () => {
  const { data } = await api.ask('mutation { createKey(input: { name: "Guest", scopes: [READ] }) { ... on CreateKeySuccess { secret key { id } } } }')
  const cookie = await cookieFor(data?.createKey.secret)
  expect((await ask({ cookie, ...own })).status).toBe(200)
  await api.ask('mutation ($id: ID!) { revokeKey(id: $id) { __typename } }', { id: data?.createKey.key.id })
  await expect.poll(async () => (await ask({ cookie, ...own })).status).toBe(401)
})

test('a cookie that was changed, or is none of ours, opens nothing', async () => {
  const cookie = await cookieFor()
  const at = cookie.length - 12
  const changed = cookie.slice(0, at) + (cookie[at] === 'A' ? 'B' : 'A') + cookie.slice(at + 1)
  for (const forged of [changed, cookie.slice(0, 40), `${cookie.split('=')[0]}=${api.key}`, `${cookie.split('=')[0]}=`, `other${cookie}`])
    expect((await ask({ cookie: forged, ...own })).status).toBe(401)
})

const signOut = (cookie: string) => fetch(`${api.localUrl}/session`, { method: 'DELETE', headers: { cookie, ...own } })
const isIn = async (cookie: string, url = api.localUrl) =>
  (await fetch(`${url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', cookie, ...own }, body: '{"query":"{ __typename }"}' }))
    .status

describe('signing out', () => {
  test('forgets the cookie, ends the session at once in this process, and leaves other sessions alone', async () => {
    const [cookie, other] = [await cookieFor(), await cookieFor()]
    expect([await isIn(cookie), await isIn(other)]).toEqual([200, 200])
    const response = await signOut(cookie)
    expect(response.status).toBe(204)
    expect(response.headers.get('set-cookie')).toMatch(/=; Max-Age=0; Path=\/; HttpOnly; SameSite=Strict/)
    expect([await isIn(cookie), await isIn(other)]).toEqual([401, 200])
    expect((await signOut(cookie)).status).toBe(204)
  })

  test('ends the session in every process, with its open sockets and event streams', async () => {
    const sibling = await startService(readConfig({ DATABASE_URL: api.databaseUrl, DATA_DIR: await makeDirectory(), PORT: '0', ROLES: 'api' }))
    onTestFinished(sibling.close)
    const here = await cookieFor()
    // The port is part of the cookie's name.
    const there = here.replace(/^[^=]+/, `custom-speech-${new URL(sibling.localUrl).port}`)
    expect(await isIn(there, sibling.localUrl)).toBe(200)
    const stream = await fetch(`${sibling.localUrl}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', cookie: there, ...own },
      body: JSON.stringify({ query: 'subscription { deploymentStatusChanged { __typename } }' }),
    })
    expect(stream.status).toBe(200)
    const socket = await connectOpen(sibling.localUrl, there)
    await signOut(here)
    expect(await socket.closed).toEqual([4403, 'The session has ended, or its key has. Sign in again.'])
    expect(await stream.text()).toContain('The session has ended')
    expect(await isIn(there, sibling.localUrl)).toBe(401)
  })

  test('ends the speech tokens that the session got', async () => {
    const cookie = await cookieFor()
    const token = await (await ask({ cookie, ...own }, '/sts/v1.0/issueToken')).text()
    expect(token).toMatch(/^cst_/)
    const call = async () => (await ask({ authorization: `Bearer ${token}` }, '/speech/recognition/conversation/cognitiveservices/v1?cid=x')).status
    expect(await call()).toBe(404)
    await signOut(cookie)
    expect(await call()).toBe(401)
  })
})

describe('sessions', () => {
  const list = async (client: Pick<Service, 'ask'> = api) =>
    (await client.ask('{ sessions { totalCount nodes { id userAgent isCurrent lastUsedAt expiresAt key { name } } } }')).data?.sessions
  const revoke = async (id: string, client: Pick<Service, 'ask'> = api) =>
    (await client.ask('mutation ($id: ID!) { revokeSession(id: $id) { __typename ... on Error { code } ... on RevokeSessionSuccess { revokedId } } }', { id }))
      .data?.revokeSession
  const createKey = async (scopes: string) =>
    (await api.ask(`mutation { createKey(input: { name: "Guest ${scopes}", scopes: [${scopes}] }) { ... on CreateKeySuccess { secret key { id } } } }`)).data
      ?.createKey

  test('are listed with their key and browser, and no token', async () => {
    const { secret } = await createKey('READ')
    const cookie = (await signIn(secret, { ...own, 'user-agent': `Browser\t${'x'.repeat(400)}` })).headers.get('set-cookie')?.split(';')[0] ?? ''
    const { nodes, totalCount } = await list()
    expect(nodes[0]).toMatchObject({ userAgent: `Browser${'x'.repeat(293)}`, isCurrent: false, key: { name: 'Guest READ' } })
    expect(totalCount).toBe(nodes.length)
    expect(new Date(nodes[0].expiresAt).getTime() - Date.now()).toBeGreaterThan(29 * 86_400_000)
    expect(JSON.stringify(nodes)).not.toContain(cookie.split('=')[1])
    const answer = await fetch(`${api.localUrl}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie, ...own },
      body: '{"query":"{ sessions(first: 1) { nodes { isCurrent } } }"}',
    })
    expect(await answer.json()).toEqual({ data: { sessions: { nodes: [{ isCurrent: true }] } } })
  })

  test('are revoked by their id, by a key with MANAGE of their workspace only, and their key stays valid', async () => {
    const { secret } = await createKey('READ')
    const cookie = await cookieFor(secret)
    const { id } = (await list()).nodes[0]
    const reader = api.as(secret)
    expect(await revoke(id, reader)).toMatchObject({ code: 'NOT_AUTHORIZED' })
    const { data } = await api.ask('mutation { createWorkspace(input: { name: "Other" }) { ... on CreateWorkspaceSuccess { secret } } }')
    const stranger = api.as(data?.createWorkspace.secret)
    expect(await revoke(id, stranger)).toMatchObject({ code: 'SESSION_NOT_FOUND' })
    expect((await stranger.ask('query ($id: ID!) { node(id: $id) { id } }', { id })).data).toEqual({ node: null })
    expect(await list(stranger)).toEqual({ totalCount: 0, nodes: [] })
    expect(await isIn(cookie)).toBe(200)
    const socket = await connectOpen(api.localUrl, cookie)
    expect(await revoke(id)).toEqual({ __typename: 'RevokeSessionSuccess', revokedId: id })
    expect(await isIn(cookie)).toBe(401)
    expect((await socket.closed)[0]).toBe(4403)
    expect(await revoke(id)).toMatchObject({ code: 'SESSION_NOT_FOUND' })
    expect((await reader.ask('{ __typename }')).errors).toBeUndefined()
    await Promise.all([reader.dispose(), stranger.dispose()])
  })

  test('a token of a cookie is no key', async () => {
    const cookie = await cookieFor()
    const token = cookie.split('=')[1] ?? ''
    expect(await isIn(cookie)).toBe(200)
    expect((await ask({ authorization: `Bearer ${token}` })).status).toBe(401)
    expect((await ask({ 'ocp-apim-subscription-key': token }, '/sts/v1.0/issueToken')).status).toBe(401)
  })

  test('end after a week without use, and after thirty days; the ended ones are removed from the database', async () => {
    const { secret, key } = await createKey('READ')
    const database = postgres(api.databaseUrl, { max: 1 })
    onTestFinished(() => database.end())
    const age = async (change: string) => {
      const cookie = await cookieFor(secret)
      await database.unsafe(`update sessions set ${change} where id = (select max(id::text)::uuid from sessions)`)
      return isIn(cookie)
    }
    expect(await age("last_used_at = now() - interval '6 days 23 hours'")).toBe(200)
    expect(await age("last_used_at = now() - interval '7 days 1 minute'")).toBe(401)
    expect(await age('expires_at = now()')).toBe(401)
    const count = async () => Number((await database`select count(*) from sessions where key_id = ${uuidOf(key.id)}`)[0]?.['count'])
    expect(await count()).toBe(3)
    const store = await openStore({ databaseUrl: api.databaseUrl, dataDir: '' }, allJobs, silentLog)
    onTestFinished(store.close)
    await tidyRecords({ store })
    expect(await count()).toBe(1)
    await api.ask('mutation ($id: ID!) { revokeKey(id: $id) { __typename } }', { id: key.id })
    await tidyRecords({ store })
    expect(await count()).toBe(0)
  })

  test('of one key are at most a hundred: the one that was used longest ago ends', async () => {
    const { secret } = await createKey('READ')
    const first = await cookieFor(secret)
    for (let n = 0; n < 99; n++) await signIn(secret)
    expect(await isIn(first)).toBe(200)
    await signIn(secret)
    expect(await isIn(first)).toBe(401)
  })

  test('a sign-in ends the session that the browser had before', async () => {
    const cookie = await cookieFor()
    await signIn(api.key, { ...own, cookie })
    expect(await isIn(cookie)).toBe(401)
  })
})

describe('a foreign page, with the cookie that the browser sends along,', () => {
  const foreign = [
    ['without our header', {}],
    ['from another port', { ...own, origin: 'http://127.0.0.1:9' }],
    ['from another site', { ...own, origin: 'https://evil.example' }],
    ['without an origin of its own', { ...own, origin: 'null' }],
    ['that the browser calls same-site', { ...own, 'sec-fetch-site': 'same-site' }],
  ] as const

  test.each(foreign)('%s, gets no answer', async (_, headers) => {
    const cookie = await cookieFor()
    expect((await ask({ cookie, ...headers })).status).toBe(401)
    expect((await ask({ cookie, ...headers, accept: 'text/event-stream' })).status).toBe(401)
    expect((await ask({ cookie, ...headers }, '/speech/recognition/conversation/cognitiveservices/v1?cid=x')).status).toBe(401)
    expect((await fetch(`${api.localUrl}/uploads`, { method: 'PUT', body: 'word', headers: { cookie, ...headers } })).status).toBe(401)
    expect((await signIn(api.key, headers)).status).toBe(403)
    expect((await fetch(`${api.localUrl}/session`, { method: 'DELETE', headers })).status).toBe(403)
  })

  test('gets no WebSocket', async () => {
    const cookie = await cookieFor()
    expect(await connect({ cookie, origin: 'http://127.0.0.1:9' })).toMatch(/403/)
    expect(await connect({ cookie })).toBe('4403')
    expect(await connect({ cookie, origin: api.localUrl })).toBe('connection_ack')
    expect(await connect({ origin: api.localUrl })).toBe('4403')
  })
})

/** A socket that was let in, and how it is closed. */
async function connectOpen(url: string, cookie: string) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers: { cookie, origin: url } })
  onTestFinished(() => socket.terminate())
  const closed = once(socket, 'close').then(([code, reason]) => [code, String(reason)])
  socket.on('open', () => socket.send('{"type":"connection_init"}'))
  await once(socket, 'message')
  return { closed }
}

/** The first answer to connection_init, or how the socket ended. */
function connect(headers: Record<string, string>): Promise<string> {
  return new Promise((done) => {
    const socket = new WebSocket(`${api.localUrl.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers })
    socket.on('open', () => socket.send('{"type":"connection_init"}'))
    socket.on('message', (text) => {
      done((JSON.parse(text.toString()) as { type: string }).type)
      socket.close()
    })
    socket.on('close', (code) => done(String(code)))
    socket.on('error', (error) => done(error.message))
  })
}

test('the page runs nothing but its own files, and says so to the browser', async () => {
  await buildDashboard()
  const response = await fetch(api.localUrl, { headers: { accept: 'text/html' } })
  expect(response.status).toBe(200)
  const policy = response.headers.get('content-security-policy')
  expect(policy).toContain("script-src 'self';")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toContain('unsafe')
  expect(await response.text()).not.toMatch(/<script(?![^>]* src="\.\/assets\/)/)
})
