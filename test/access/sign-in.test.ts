// The dashboard's cookie, and requests of other sites that must not use it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import buildDashboard from '../browser/build.ts'
import { browserOf, own } from '../support/browser-session.ts'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api,speech' })
})
afterAll(() => api.close())

const { signIn, cookieFor, ask } = browserOf(() => api)

test('a sign-in sets a cookie that scripts cannot read and that does not contain the key', async () => {
  const cookie = (await signIn(api.key)).headers.get('set-cookie') ?? ''
  expect(cookie).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/)
  expect(Buffer.from(cookie.split('=')[1]?.split(';')[0] ?? '', 'base64url').toString('latin1')).not.toContain(api.key)
  expect(await (await ask({ cookie: await cookieFor(), ...own })).json()).toEqual({ data: { viewer: { key: { name: 'bootstrap' } } } })
})

test.each([['cs_unknown'], [''], [42], [null], ['x'.repeat(10_000)]])('a sign-in with %j is refused with a message', async (key) => {
  const response = await signIn(key)
  expect(response.status).toBe(401)
  expect(await response.json()).toEqual({ message: expect.stringContaining('unknown, expired or revoked') })
})

test('a RECOGNIZE key cannot sign in', async () => {
  const { data } = await api.ask('mutation { createKey(input: { name: "Caller", scopes: [RECOGNIZE] }) { ... on CreateKeySuccess { secret } } }')
  expect((await signIn(data?.createKey.secret)).status).toBe(403)
})

test('revoking a key ends its sessions', async () => {
  const { data } = await api.ask('mutation { createKey(input: { name: "Guest", scopes: [READ] }) { ... on CreateKeySuccess { secret key { id } } } }')
  const cookie = await cookieFor(data?.createKey.secret)
  expect((await ask({ cookie, ...own })).status).toBe(200)
  await api.ask('mutation ($id: ID!) { revokeKey(id: $id) { __typename } }', { id: data?.createKey.key.id })
  await expect.poll(async () => (await ask({ cookie, ...own })).status).toBe(401)
})

test('the server refuses changed and foreign cookies', async () => {
  const cookie = await cookieFor()
  const at = cookie.length - 12
  const changed = cookie.slice(0, at) + (cookie[at] === 'A' ? 'B' : 'A') + cookie.slice(at + 1)
  for (const forged of [changed, cookie.slice(0, 40), `${cookie.split('=')[0]}=${api.key}`, `${cookie.split('=')[0]}=`, `other${cookie}`])
    expect((await ask({ cookie: forged, ...own })).status).toBe(401)
})

describe('a foreign page with the cookie of the browser', () => {
  const foreign = [
    ['has no X-Requested-With header', {}],
    ['comes from another port', { ...own, origin: 'http://127.0.0.1:9' }],
    ['comes from another site', { ...own, origin: 'https://evil.example' }],
    ['has an opaque origin', { ...own, origin: 'null' }],
    ['is same-site', { ...own, 'sec-fetch-site': 'same-site' }],
  ] as const

  test.each(foreign)('the server refuses a request with a cookie that %s', async (_, headers) => {
    const cookie = await cookieFor()
    expect((await ask({ cookie, ...headers })).status).toBe(401)
    expect((await ask({ cookie, ...headers, accept: 'text/event-stream' })).status).toBe(401)
    expect((await ask({ cookie, ...headers }, '/speech/recognition/conversation/cognitiveservices/v1?cid=x')).status).toBe(401)
    expect((await fetch(`${api.localUrl}/uploads`, { method: 'PUT', body: 'word', headers: { cookie, ...headers } })).status).toBe(401)
    expect((await signIn(api.key, headers)).status).toBe(403)
    expect((await fetch(`${api.localUrl}/session`, { method: 'DELETE', headers })).status).toBe(403)
  })

  test('a WebSocket with a cookie opens only from the origin of the dashboard', async () => {
    const cookie = await cookieFor()
    expect(await connect({ cookie, origin: 'http://127.0.0.1:9' })).toMatch(/403/)
    expect(await connect({ cookie })).toBe('4403')
    expect(await connect({ cookie, origin: api.localUrl })).toBe('connection_ack')
    expect(await connect({ origin: api.localUrl })).toBe('4403')
  })
})

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

test('the dashboard allows only scripts of its own origin', async () => {
  await buildDashboard()
  const response = await fetch(api.localUrl, { headers: { accept: 'text/html' } })
  expect(response.status).toBe(200)
  const policy = response.headers.get('content-security-policy')
  expect(policy).toContain("script-src 'self';")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toContain('unsafe')
  expect(await response.text()).not.toMatch(/<script(?![^>]* src="\.\/assets\/)/)
})
