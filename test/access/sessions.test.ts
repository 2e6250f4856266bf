// Sessions of browsers: how they are listed and how they end.
import { once } from 'node:events'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { readConfig } from '../../src/config.ts'
import { tidyRecords } from '../../src/jobs/tidy-records.ts'
import { allJobs } from '../../src/lifecycle/job-definitions.ts'
import { startService } from '../../src/main.ts'
import { openStore } from '../../src/postgres/store.ts'
import { browserOf, own } from '../support/browser-session.ts'
import { makeDirectory } from '../support/postgres.ts'
import { silentLog } from '../support/recognizers.ts'
import { openTestService, type Service, uuidOf } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api,speech' })
})
afterAll(() => api.close())

const { signIn, cookieFor, ask, isIn } = browserOf(() => api)

const signOut = (cookie: string) => fetch(`${api.localUrl}/session`, { method: 'DELETE', headers: { cookie, ...own } })

/** Opens an authenticated socket; resolves with its close event. */
async function connectOpen(url: string, cookie: string) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers: { cookie, origin: url } })
  onTestFinished(() => socket.terminate())
  const closed = once(socket, 'close').then(([code, reason]) => [code, String(reason)])
  socket.on('open', () => socket.send('{"type":"connection_init"}'))
  await once(socket, 'message')
  return { closed }
}

describe('signing out', () => {
  test('a sign-out removes the cookie and ends only its session, at once', async () => {
    const [cookie, other] = [await cookieFor(), await cookieFor()]
    expect([await isIn(cookie), await isIn(other)]).toEqual([200, 200])
    const response = await signOut(cookie)
    expect(response.status).toBe(204)
    expect(response.headers.get('set-cookie')).toMatch(/=; Max-Age=0; Path=\/; HttpOnly; SameSite=Strict/)
    expect([await isIn(cookie), await isIn(other)]).toEqual([401, 200])
    expect((await signOut(cookie)).status).toBe(204)
  })

  test('a sign-out ends the session in every process, with its open sockets and event streams', async () => {
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
    expect(await socket.closed).toEqual([4403, 'The session or its key has ended. Sign in again.'])
    expect(await stream.text()).toContain('The session or its key has ended')
    expect(await isIn(there, sibling.localUrl)).toBe(401)
  })

  test('a sign-out ends the speech tokens of the session', async () => {
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

  test('the list of sessions has the key and the browser, but no token', async () => {
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

  test('a MANAGE key of the workspace revokes a session by its id, and the key of the session stays valid', async () => {
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

  test('the server does not accept the token of a cookie as a key', async () => {
    const cookie = await cookieFor()
    const token = cookie.split('=')[1] ?? ''
    expect(await isIn(cookie)).toBe(200)
    expect((await ask({ authorization: `Bearer ${token}` })).status).toBe(401)
    expect((await ask({ 'ocp-apim-subscription-key': token }, '/sts/v1.0/issueToken')).status).toBe(401)
  })

  test('sessions end after a week without use or after thirty days, and ended ones are removed from the database', async () => {
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

  test('a key has at most a hundred sessions, and another sign-in ends the least recently used one', async () => {
    const { secret } = await createKey('READ')
    const first = await cookieFor(secret)
    for (let n = 0; n < 99; n++) await signIn(secret)
    expect(await isIn(first)).toBe(200)
    await signIn(secret)
    expect(await isIn(first)).toBe(401)
  })

  test('a sign-in ends the earlier session of the browser', async () => {
    const cookie = await cookieFor()
    await signIn(api.key, { ...own, cookie })
    expect(await isIn(cookie)).toBe(401)
  })
})
