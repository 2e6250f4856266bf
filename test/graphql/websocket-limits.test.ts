// The limits and the origin checks of WebSockets.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { openTestService, type Service, startTestService } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api', MAX_SUBSCRIPTIONS_PER_SOCKET: '5', MAX_SOCKETS_PER_KEY: '8' })
})
afterAll(() => api.close())

const open = (options: object = {}, protocol = 'graphql-transport-ws') => new WebSocket(`${api.url.replace('http', 'ws')}/graphql`, protocol, options)
const closeCode = (socket: WebSocket) => new Promise<number>((closed) => socket.once('close', closed))
async function ready(socket = open()) {
  await new Promise((opened) => socket.once('open', opened))
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${api.key}` } }))
  await new Promise((acknowledged) => socket.once('message', acknowledged))
  return socket
}
const next = (socket: WebSocket) => new Promise<any>((heard) => socket.once('message', (data) => heard(JSON.parse(String(data)))))

test('a socket from another origin is refused, and a socket from the own origin opens', async () => {
  const foreign = open({ origin: 'https://evil.example' })
  expect(await new Promise((refused) => foreign.once('unexpected-response', (_, response) => refused(response.statusCode)))).toBe(403)
  ;(await ready(open({ origin: api.url }))).close()
})

test('a socket from the origin of the public URL opens behind a proxy with any Host header', async () => {
  const service = await startTestService({ ROLES: 'api', PUBLIC_URL: 'https://speech.example/base' })
  const answer = (origin: string, host = '127.0.0.1') =>
    new Promise((answered) => {
      const socket = new WebSocket(`${service.localUrl.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers: { origin, host } })
      socket.once('open', () => answered('open'))
      socket.once('unexpected-response', (_, response) => answered(response.statusCode))
    })
  expect(await answer('https://speech.example')).toBe('open')
  expect(await answer('https://evil.example')).toBe(403)
  // The public URL has the scheme https, so an http origin with the same host is another origin.
  expect(await answer('http://speech.example', 'speech.example')).toBe(403)
  expect(await answer('http://localhost:4000', 'localhost:4000')).toBe('open')
})

test('a socket without connection_init, with a second one, or with another protocol is closed with a code', async () => {
  const twice = await ready()
  twice.send(JSON.stringify({ type: 'connection_init' }))
  expect(await closeCode(twice)).toBe(4429)
  const strange = await ready()
  strange.send('{"type":"dance"}')
  expect(await closeCode(strange)).toBe(4400)
  expect(await closeCode(new WebSocket(`${api.url.replace('http', 'ws')}/graphql`))).toBe(4406)
  expect(await closeCode(open())).toBe(4408)
})

test('a socket with an oversized frame is closed', async () => {
  const socket = await ready()
  socket.on('error', () => {})
  socket.send(JSON.stringify({ type: 'ping', payload: { pad: 'x'.repeat(1_000_000) } }))
  expect(await closeCode(socket)).toBe(1009)
})

test('a sixth subscription of a socket is refused, and an invalid operation ends no other operation', async () => {
  const socket = await ready()
  const subscribe = (id: string, query: string) => socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query } }))
  for (let n = 0; n < 5; n++) subscribe(`s${n}`, 'subscription { deploymentStatusChanged { __typename } }')
  await new Promise((resolve) => setTimeout(resolve, 200))
  subscribe('more', 'subscription { deploymentStatusChanged { __typename } }')
  expect(await next(socket)).toMatchObject({ id: 'more', type: 'error', payload: [{ extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } }] })
  socket.send(JSON.stringify({ id: 's0', type: 'complete' }))
  await new Promise((resolve) => setTimeout(resolve, 100))
  subscribe('broken', 'subscription {')
  expect(await next(socket)).toMatchObject({ id: 'broken', type: 'error' })
  subscribe('wrong', '{ nonsense }')
  expect(await next(socket)).toMatchObject({ id: 'wrong', type: 'error' })
  subscribe('fine', '{ locales { code } }')
  expect(await next(socket)).toMatchObject({ id: 'fine', payload: { data: { locales: [{ code: 'en-US' }, { code: 'es-ES' }, { code: 'es-MX' }] } } })
  socket.terminate()
})

test('a ninth socket of one key is refused', async () => {
  const sockets = await Promise.all(Array.from({ length: 8 }, () => ready()))
  const more = open()
  more.once('open', () => more.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${api.key}` } })))
  expect(await closeCode(more)).toBe(4403)
  for (const socket of sockets) socket.terminate()
})
