// What each route does with wrong keys, unfinished bodies, foreign pages and browsers.
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { findStrictTransport } from '../../src/http/headers.ts'
import buildDashboard from '../browser/build.ts'
import { openTestService, type Service } from '../support/service.ts'
import { until } from '../support/until.ts'

const page = 'https://page.example'
const wrong = 'cs_wrong-wrong-wrong-wrong-wrong'
const modePath = '/speech/recognition/conversation/cognitiveservices/v1'

let api: Service
const logged: string[] = []
beforeAll(async () => {
  vi.spyOn(process.stderr, 'write').mockImplementation((line) => Boolean(logged.push(String(line))))
  await buildDashboard()
  api = await openTestService({ ALLOWED_ORIGINS: page, LOG_LEVEL: 'warn' })
})
afterAll(() => api?.close())

interface Sent {
  method?: string
  headers?: Record<string, string>
  body?: string
  localAddress?: string
}

const send = (path: string, { body, ...options }: Sent = {}) =>
  new Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }>((done, failed) => {
    const sent = request(`${api.localUrl}${path}`, { agent: false, ...options }, async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      done({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) })
    })
    sent.on('error', failed)
    sent.end(body)
  })

const json = { 'content-type': 'application/json' }
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

/** True when the key was good for more than a refusal as unknown. */
type Try = (key: string, localAddress: string) => Promise<boolean>
const over =
  (path: string, sent: (key: string) => Sent): Try =>
  async (key, localAddress) =>
    (await send(path, { method: 'POST', ...sent(key), localAddress })).status !== 401
const query = JSON.stringify({ query: '{ locales { code } }' })
/** A subscription that ends at once: there is no such deployment. */
const subscription = JSON.stringify({ query: 'subscription { deploymentStatusChanged(deploymentId: "x") { __typename } }' })

function overSocket(path: string, options: { protocol?: string; key?: string; localAddress: string; hello: string }): Promise<string> {
  return new Promise((done) => {
    const headers = options.key ? { 'ocp-apim-subscription-key': options.key } : {}
    const socket = new WebSocket(`${api.localUrl.replace('http', 'ws')}${path}`, options.protocol ?? [], { headers, localAddress: options.localAddress })
    socket.on('open', () => socket.send(options.hello))
    socket.on('message', (data) => {
      done(String(data))
      socket.close()
    })
    socket.on('close', (code, reason) => done(`${code} ${reason}`))
    socket.on('error', (error) => done(String(error)))
  })
}

const routes: Record<string, Try> = {
  'GraphQL over HTTP': over('/graphql', (key) => ({ headers: { ...json, ...bearer(key) }, body: query })),
  'GraphQL over Server-Sent Events': over('/graphql', (key) => ({ headers: { ...json, ...bearer(key), accept: 'text/event-stream' }, body: subscription })),
  'GraphQL over WebSocket': async (key, localAddress) =>
    !(
      await overSocket('/graphql', {
        protocol: 'graphql-transport-ws',
        localAddress,
        hello: JSON.stringify({ type: 'connection_init', payload: bearer(key) }),
      })
    ).startsWith('4403'),
  'speech over HTTP': over(modePath, (key) => ({ headers: { 'ocp-apim-subscription-key': key } })),
  'speech over WebSocket': async (key, localAddress) =>
    !(await overSocket(`${modePath}?cid=${crypto.randomUUID()}`, { key, localAddress, hello: 'Path: other\r\n\r\n' })).includes('KEY_INVALID'),
  'OpenAI’s routes': over('/v1/models', (key) => ({ method: 'GET', headers: bearer(key) })),
  transcriptions: over('/v1/audio/transcriptions', (key) => ({ headers: bearer(key) })),
  tokens: over('/sts/v1.0/issueToken', (key) => ({ headers: bearer(key) })),
  uploads: over('/uploads', (key) => ({ method: 'PUT', headers: bearer(key) })),
  'signing in': over('/session', (key) => ({ headers: { ...json, 'x-requested-with': 'test' }, body: JSON.stringify({ key }) })),
}

describe('after thirty wrong keys further ones are refused late, and a valid key is accepted at once', () => {
  // Each from an address of its own: failures are counted by address.
  test.each(Object.keys(routes).map((name, n) => [name, `127.0.0.${n + 10}`] as const))('%s', async (name, localAddress) => {
    const attempt = routes[name] as Try
    const free = await Promise.all(Array.from({ length: 30 }, () => attempt(wrong, localAddress)))
    expect(free).toEqual(Array(30).fill(false))
    const began = performance.now()
    const late = attempt(wrong, localAddress).then((isGood) => ({ isGood, ms: performance.now() - began }))
    const first = await Promise.race([late, attempt(api.key, localAddress)])
    expect(first).toBe(true)
    const { isGood, ms } = await late
    expect(isGood).toBe(false)
    expect(ms).toBeGreaterThan(900)
  })
})

test("after a refusal no route reads a stranger's body for long", { timeout: 60_000 }, async () => {
  const ended = ['POST /graphql', `POST ${modePath}`, 'POST /v1/audio/transcriptions', 'PUT /uploads', 'POST /session', 'GET /uploads', 'POST /models'].map(
    async (line) => {
      const socket = connect({ port: Number(new URL(api.localUrl).port), host: '127.0.0.1' })
      socket.on('error', () => {})
      socket.write(`${line} HTTP/1.1\r\nHost: here\r\nContent-Length: 100000\r\n\r\n`)
      const dripping = setInterval(() => socket.write('x'), 100)
      const answer = await text(socket).catch(() => 'reset')
      clearInterval(dripping)
      socket.destroy()
      return answer
    },
  )
  for (const answer of await Promise.all(ended)) expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d |reset)/)
})

test('500 aborted sign-ins write no line to the log', async () => {
  const before = logged.length
  const strangers = await Promise.all(
    Array.from({ length: 500 }, async () => {
      const socket = connect({ port: Number(new URL(api.localUrl).port), host: '127.0.0.1' })
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.write('POST /session HTTP/1.1\r\nHost: here\r\nX-Requested-With: test\r\nContent-Length: 100\r\n\r\n{')
      return socket
    }),
  )
  await until(async () => (await api.readFigure('http_strangers')) >= 500)
  for (const socket of strangers) socket.destroy()
  await until(async () => (await api.readFigure('http_strangers')) < 50)
  expect(logged.slice(before)).toEqual([])
})

describe('headers', () => {
  test.each<[name: string, path: string, sent?: () => Sent]>([
    ['the dashboard', '/', () => ({ headers: { accept: 'text/html' } })],
    ['an unknown page', '/nowhere', () => ({ headers: { accept: 'text/html' } })],
    ['an unknown path', '/nowhere'],
    ['a GraphQL answer', '/graphql', () => ({ method: 'POST', headers: { ...json, ...bearer(api.key) }, body: query })],
    ['the same, known by now', '/graphql', () => ({ method: 'POST', headers: { ...json, ...bearer(api.key) }, body: query })],
    ['a GraphQL refusal', '/graphql', () => ({ method: 'POST', headers: json, body: query })],
    ['a sign-in', '/session', () => ({ method: 'POST', headers: { ...json, 'x-requested-with': 'test' }, body: JSON.stringify({ key: api.key }) })],
    ['a token', '/sts/v1.0/issueToken', () => ({ method: 'POST', headers: bearer(api.key) })],
    ['a list of models', '/v1/models', () => ({ headers: bearer(api.key) })],
    ['a refused recording', modePath, () => ({ method: 'POST' })],
    ['a refused upload', '/uploads', () => ({ method: 'PUT' })],
    ['the figures', '/metrics'],
  ])('%s', async (_, path, sent) => {
    const { headers } = await send(path, sent?.())
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'.*frame-ancestors 'none'/)
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
  })

  test('Strict-Transport-Security is sent for an https URL without a port', () => {
    expect(findStrictTransport('https://speech.example/api')).toEqual({ 'strict-transport-security': 'max-age=31536000' })
    for (const url of ['https://speech.example:8443', 'http://speech.example', undefined]) expect(findStrictTransport(url)).toEqual({})
  })
})

test('uploads are open to pages of the allowed origins only, refusals included', async () => {
  const preflight = (origin: string) => send('/uploads', { method: 'OPTIONS', headers: { origin, 'access-control-request-headers': 'authorization' } })
  expect(await preflight(page)).toMatchObject({
    status: 204,
    headers: { 'access-control-allow-origin': page, 'access-control-allow-methods': 'PUT, OPTIONS', 'access-control-allow-headers': 'authorization' },
  })
  const put = (origin: string, headers: Record<string, string>, body?: string) =>
    send('/uploads', { method: 'PUT', headers: { origin, ...headers }, ...(body && { body }) })
  expect(await put(page, {})).toMatchObject({ status: 401, headers: { 'access-control-allow-origin': page } })
  expect(await put(page, bearer(api.key), 'one two three\n')).toMatchObject({ status: 201, headers: { 'access-control-allow-origin': page } })
  for (const answer of [await preflight('https://evil.example'), await put('https://evil.example', {})])
    expect(answer.headers['access-control-allow-origin']).toBeUndefined()
})

test('GraphiQL’s page and files are sent compressed, and as 304 to a client that has them', async () => {
  const html = (await send('/graphql', { headers: { accept: 'text/html' } })).body.toString()
  const script = /src="(graphiql\/[^"]+)"/.exec(html)?.[1]
  const get = (encoding: string, more: Record<string, string> = {}, method = 'GET') =>
    send(`/${script}`, { method, headers: { 'accept-encoding': encoding, ...more } })
  const [plain, gzip, br] = [await get('identity'), await get('gzip;q=1, br;q=0'), await get('gzip, deflate, br')]
  expect([plain, gzip, br].map(({ headers }) => headers['content-encoding'])).toEqual([undefined, 'gzip', 'br'])
  expect(gunzipSync(gzip.body).equals(plain.body)).toBe(true)
  expect(brotliDecompressSync(br.body).equals(plain.body)).toBe(true)
  expect(br.body.length * 3).toBeLessThan(plain.body.length)
  expect(br.headers['cache-control']).toContain('immutable')
  expect(await get('br', { 'if-none-match': `W/${br.headers.etag}` })).toMatchObject({ status: 304, body: Buffer.alloc(0) })
  expect((await get('gzip', { 'if-none-match': String(br.headers.etag) })).status).toBe(200)
  expect(await get('br', {}, 'HEAD')).toMatchObject({ status: 200, headers: { 'content-length': String(br.body.length) }, body: Buffer.alloc(0) })
})
