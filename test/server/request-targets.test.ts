import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { readConfig } from '../../src/config.ts'
import { listen } from '../../src/http/listen.ts'
import { openTestService, referenceRecording, type Service } from '../support/service.ts'

let api: Service
let endpoint: URL
let port: number
beforeAll(async () => {
  api = await openTestService()
  endpoint = new URL((await api.deployEndpoint()).httpUrl)
  port = Number(new URL(api.localUrl).port)
})
afterAll(() => api.close())

const keyHeader = () => `Authorization: Bearer ${api.key}\r\n`

async function send(head: string, body: Buffer | string = ''): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write(head)
  socket.write(body)
  return text(socket)
}

const post = (target: string, body: Buffer | string, headers = '') =>
  send(`POST ${target} HTTP/1.1\r\nHost: here\r\n${keyHeader()}${headers}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`, body)
const get = (target: string, headers = '') => send(`GET ${target} HTTP/1.1\r\nHost: here\r\n${headers}Connection: close\r\n\r\n`)

const origins = [
  'http://127.0.0.1',
  'http://elsewhere.example:8080',
  'https://elsewhere.example',
  'HTTP://ELSEWHERE.EXAMPLE',
  'http://name@elsewhere.example',
  '/',
]

describe('a target in absolute form or with a double slash is equivalent to its path', () => {
  test.each(origins)('%s', async (origin) => {
    const { pathname, search } = endpoint
    expect(await post(`${origin}${pathname}${search}`, referenceRecording())).toMatch(/ 200 OK.*We walked along the river/s)
    expect(await post(`${origin}/graphql`, '{"query":"{ __typename }"}', 'Content-Type: application/json\r\n')).toMatch(/ 200 OK.*"Query"/s)
    expect(await get(`${origin}/v1/models`, keyHeader())).toMatch(/ 200 OK.*"list"/s)
    expect(await get(`${origin}/v1//models`, keyHeader())).toMatch(/ 200 OK.*"list"/s)
    expect(await post(`${origin}/v1/audio/transcriptions`, 'x')).toMatch(/ 400 .*INVALID_FORM/s)
    expect(await get(`${origin}/health`)).toMatch(/ 200 OK.*alive/s)
    expect(await get(`${origin}/nowhere`)).toMatch(/ 404 .*The API is at/s)
  })

  test('an origin without a path is the dashboard', async () => {
    expect(await get('http://elsewhere.example')).toMatch(/ (200|503) .*<!doctype html>/is)
    expect(await get('http://elsewhere.example?a=b')).toMatch(/ (200|503) .*<!doctype html>/is)
  })

  test.each(origins)('%s: a WebSocket', async (origin) => {
    const upgrade = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n`
    for (const target of [`${origin}${endpoint.pathname}${endpoint.search}`, `${origin}/graphql`]) {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.write(`GET ${target} HTTP/1.1\r\nHost: here\r\n${upgrade}Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n`)
      const [first] = await once(socket, 'data')
      socket.destroy()
      expect(String(first), target).toMatch(/^HTTP\/1.1 101 /)
    }
  })
})

test.each([
  ['two', 'Host: here\r\nHost: there\r\n', 'HTTP/1.1', 400],
  ['two alike', 'Host: here\r\nhost: here\r\n', 'HTTP/1.1', 400],
  ['no', '', 'HTTP/1.1', 400],
  ['no', '', 'HTTP/1.0', 200],
  ['one', 'Host: here\r\n', 'HTTP/1.1', 200],
])('a request with %s Host headers (%j, %s) is answered with %i', async (_, hosts, version, status) => {
  const answer = await send(`GET /health ${version}\r\n${hosts}Connection: close\r\n\r\n`)
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  if (status === 400) expect(answer).toContain('Send exactly one.')
})

test.each([
  ['bytes that are no request', 'hello\r\n\r\n', 400, 'MALFORMED_REQUEST'],
  ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 405, 'METHOD_NOT_ALLOWED'],
  ['headers of 40 kB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
  ['another expectation', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n', 417, 'EXPECTATION_FAILED'],
])('%s: refused in words', async (_, bytes, status, code) => {
  const answer = await send(bytes)
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(answer).toContain(code)
})

/** What a WebSocket client learns of its refusal. */
const refusalOf = (url: string) =>
  new Promise<{ status: number | undefined; words: string }>((done, failed) => {
    const socket = new WebSocket(url)
    socket.on('error', failed)
    socket.on('unexpected-response', (_, response) => text(response).then((words) => done({ status: response.statusCode, words }), failed))
  })

describe('a WebSocket that no route takes', () => {
  test.each([
    ['/nowhere', 404, 'The API is at'],
    ['/v1/realtime?model=x', 404, 'Realtime'],
  ])('%s is refused in words', async (path, status, words) => {
    expect(await refusalOf(`ws://127.0.0.1:${port}${path}`)).toEqual({ status, words: expect.stringContaining(words) })
  })

  test('gets the status 503 while the server starts', async () => {
    const starting = await listen(readConfig({ PORT: '0', DATA_DIR: '/nowhere' }).http)
    try {
      for (const path of ['/graphql', endpoint.pathname])
        expect(await refusalOf(`ws://127.0.0.1:${starting.port}${path}`)).toEqual({ status: 503, words: expect.stringContaining('is starting') })
    } finally {
      await starting.close()
    }
  })
})

test('a server behind a balancer refuses connections while it starts, so that the balancer tries another one', async () => {
  const config = readConfig({ PORT: '0', DATA_DIR: '/nowhere' }).http
  const starting = await listen(config, undefined, { refusesWhileStarting: true })
  const ask = () => fetch(`http://127.0.0.1:${starting.port}/`)
  await expect(ask()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  await starting.serve([])
  expect((await ask()).status).toBe(404)
  await starting.close()
})

test('other upgrades get a response in HTTP/1.1, as clients that prefer HTTP/2 expect', async () => {
  const { pathname, search } = endpoint
  const headers = 'Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\n'
  const recording = referenceRecording()
  const head = `POST ${pathname}${search} HTTP/1.1\r\nHost: here\r\n${keyHeader()}Connection: Upgrade, HTTP2-Settings\r\n${headers}`
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write(`${head}Content-Length: ${recording.length}\r\n\r\n`)
  socket.write(recording)
  let answer = ''
  for await (const chunk of socket) {
    answer += chunk
    // The connection stays open for the next request.
    if (/"DisplayText":"[^"]*"/.test(answer)) break
  }
  expect(answer).toMatch(/ 200 OK.*We walked along the river/s)
})
