// Subscriptions as Server-Sent Events, for each form of request.
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { subscriptionOfAll } from '../support/graphql-socket.ts'
import { openTestService, type Service } from '../support/service.ts'
import { until } from '../support/until.ts'

const limit = 3

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api', MAX_SOCKETS_PER_KEY: String(limit) })
})
afterAll(() => api.close())

type Ask = (key: string, query: string) => Promise<Response>
const post =
  (headers: Record<string, string>): Ask =>
  (key, query) =>
    open('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
      body: JSON.stringify({ query }),
    })
const get =
  (headers: Record<string, string>): Ask =>
  (key, query) =>
    open(`/graphql?query=${encodeURIComponent(query)}`, { headers: { authorization: `Bearer ${key}`, ...headers } })

async function open(path: string, init: RequestInit): Promise<Response> {
  const leaving = new AbortController()
  onTestFinished(() => leaving.abort())
  return fetch(`${api.url}${path}`, { ...init, signal: leaving.signal })
}

const ways: [string, Ask][] = [
  ['POST', post({ accept: 'text/event-stream' })],
  ['POST with capitals', post({ accept: 'Text/Event-Stream' })],
  ['POST with a quality', post({ accept: 'text/event-stream;q=0.9, application/json;q=0.5' })],
  ['POST without Accept', post({ accept: '' })],
  ['POST with */*', post({ accept: '*/*' })],
  ['POST from a page', post({ accept: 'text/event-stream', origin: 'https://another.example' })],
  ['POST of JSON with a charset', post({ accept: 'text/event-stream', 'content-type': 'application/json; charset=utf-8' })],
  ['GET', get({ accept: 'text/event-stream' })],
  ['GET without Accept', get({ accept: '' })],
]

async function makeKey(expiresInMs?: number) {
  const expiresAt = expiresInMs && new Date(Date.now() + expiresInMs).toISOString()
  const query = 'mutation ($input: CreateKeyInput!) { createKey(input: $input) { ... on CreateKeySuccess { secret key { id } } } }'
  const { data } = await api.ask(query, { input: { name: crypto.randomUUID(), scopes: ['READ'], ...(expiresAt && { expiresAt }) } })
  return { secret: data?.createKey.secret as string, id: data?.createKey.key.id as string }
}

/** Reads until the text contains the given part, or the stream ends. */
async function readUntil(response: Response, wanted?: string): Promise<string> {
  let text = ''
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  while (wanted === undefined || !text.includes(wanted)) {
    const { done, value } = await reader.read()
    if (done) return text
    text += decoder.decode(value, { stream: true })
  }
  return text
}

describe.each(ways)('%s', (_, ask) => {
  test('a stream over the limit is refused with a message, and the end of a stream frees its slot', async () => {
    const { secret } = await makeKey()
    const answers = await Promise.all(Array.from({ length: limit + 2 }, () => ask(secret, subscriptionOfAll)))
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(limit).fill(200), 429, 429])
    for (const answer of answers) {
      if (answer.status === 429) expect(await answer.text()).toContain(`This key has ${limit} open streams, which is the limit.`)
      else expect(answer.headers.get('content-type')).toContain('text/event-stream')
    }
    await answers.find(({ status }) => status === 200)?.body?.cancel()
    await until(async () => {
      const again = await ask(secret, subscriptionOfAll)
      return again.status === 200
    })
  })

  test('a stream has the header that disables buffering by proxies, and delivers the changes', async () => {
    const answer = await ask(api.key, subscriptionOfAll)
    expect(answer.headers.get('x-accel-buffering')).toBe('no')
    await readUntil(answer, ':\n\n')
    await api.create()
    expect(answer.status).toBe(200)
  })

  test('a stream whose key is revoked ends with an error about the key', async () => {
    const { secret, id } = await makeKey()
    const answer = await ask(secret, subscriptionOfAll)
    const text = readUntil(answer)
    await api.ask('mutation ($id: ID!) { revokeKey(id: $id) { __typename } }', { id })
    expect(await text).toMatch(
      /event: next\ndata: \{"errors":\[\{"message":"The key is revoked or expired[^\n]+"UNAUTHENTICATED"[^\n]+\n\n(:\n\n)*event: complete\ndata:\n\n$/,
    )
  })

  test('a stream whose key expires ends with an error about the key', async () => {
    const { secret } = await makeKey(1500)
    expect(await readUntil(await ask(secret, subscriptionOfAll))).toContain('revoked or expired')
  })

  test('a query is answered without an event stream', async () => {
    const { secret } = await makeKey()
    for (let n = 0; n < limit; n++) expect((await post({ accept: 'text/event-stream' })(secret, subscriptionOfAll)).status).toBe(200)
    const answer = await ask(secret, '{ locales { code } }')
    expect(answer.status).toBe(200)
    expect(await answer.text()).toContain('en-US')
  })
})

test('a subscription refused for its Accept header does not count as a stream', async () => {
  const { secret } = await makeKey()
  for (let n = 0; n < limit + 2; n++) expect((await post({ accept: 'application/json' })(secret, subscriptionOfAll)).status).toBe(406)
  expect((await post({ accept: 'text/event-stream' })(secret, subscriptionOfAll)).status).toBe(200)
})

test('sockets and event streams share one limit', async () => {
  const { secret } = await makeKey()
  const socket = new WebSocket(`${api.localUrl.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws')
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${secret}` } }))
  await once(socket, 'message')
  await until(async () => {
    const answers = await Promise.all(Array.from({ length: limit }, () => post({ accept: '*/*' })(secret, subscriptionOfAll)))
    const opened = answers.filter(({ status }) => status === 200).length
    for (const answer of answers) await answer.body?.cancel()
    return opened === limit - 1
  })
})
