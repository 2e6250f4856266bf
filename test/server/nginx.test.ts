// Behind an nginx that is configured with as little as users configure.
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { connect, subscriptionOfAll } from '../support/graphql-socket.ts'
import { startNginx } from '../support/nginx.ts'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
})
afterAll(() => api.close())

const query = 'subscription { deploymentStatusChanged { ... on DeploymentStatusChange { sequence status } } }'

test.each([
  ['nothing but proxy_pass', ''],
  ['HTTP/1.1 to the server', 'proxy_http_version 1.1; proxy_set_header Connection "";'],
  ['compression', 'gzip on; gzip_types *; gzip_min_length 0;'],
])('with %s events of a stream arrive as they happen', async (_, more) => {
  const url = await startNginx(`proxy_pass ${api.localUrl}; ${more}`)
  for (const [path, init] of [
    ['/graphql', { method: 'POST', body: JSON.stringify({ query }) }],
    [`/graphql?query=${encodeURIComponent(query)}`, {}],
  ] as const) {
    const leaving = new AbortController()
    onTestFinished(() => leaving.abort())
    const headers = { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${api.key}` }
    const response = await fetch(`${url}${path}`, { ...init, headers, signal: leaving.signal })
    const reader = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>).pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader.read()).value).toBe(':\n\n')
    for (let n = 0; n < 3; n++) {
      await api.create()
      // Nothing else happens until this has come through.
      expect(await readEvent(reader)).toContain('{"deploymentStatusChanged":{"sequence":1,"status":"QUEUED"}}')
    }
  }
})

async function readEvent(reader: ReadableStreamDefaultReader<string>): Promise<string> {
  for (let text = ''; ; ) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`the stream has ended: ${text}`)
    text += value
    if (text.includes('data:') && text.endsWith('\n\n')) return text
  }
}

test('behind nginx with the usual WebSocket settings, a socket opens and receives events and errors', async () => {
  const url = await startNginx(
    `proxy_pass ${api.localUrl}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;`,
  )
  const socket = await connect({ localUrl: url, key: api.key })
  socket.subscribe('1', subscriptionOfAll)
  socket.subscribe('2', 'subscription { nothing }')
  await socket.next({ id: '2', type: 'error' })
  await api.create()
  await socket.next({ id: '1', type: 'next' })
})
