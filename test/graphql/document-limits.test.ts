// The limits on the text of a document and on the JSON of a request, which protect the parsers and validation.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, subscriptionOfAll } from '../support/graphql-socket.ts'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
})
afterAll(() => api.close())

const repeat = (times: number, make: (n: number) => string) => Array.from({ length: times }, (_, n) => make(n)).join(' ')

const large: [string, string, RegExp][] = [
  ['bytes', `{ __typename ${'#'.repeat(65_536)} }`, /65536 bytes/],
  ['bytes of other letters', `{ __typename #${'é'.repeat(33_000)}\n }`, /65536 bytes/],
  ['tokens', `{ nodes(ids: [${'1 '.repeat(10_000)}]) { id } }`, /10000 tokens/],
  ['levels of lists', `{ node(id: ${'['.repeat(1_500)}${']'.repeat(1_500)}) { id } }`, /200 levels/],
  ['levels of types', `query ($a: ${'['.repeat(3_000)}ID${']'.repeat(3_000)}) { __typename }`, /200 levels/],
  ['levels of fields', `${'{a'.repeat(4_000)}${'}'.repeat(4_000)}`, /200 levels/],
  ['fragments', `{ __typename } ${repeat(150, (n) => `fragment f${n} on Query { __typename }`)}`, /100 definitions/],
  ['spreads', `{ ${repeat(250, (n) => `...f${n}`)} }`, /200 fragment spreads/],
  ['variables', `query (${repeat(250, (n) => `$a${n}: ID`)}) { __typename }`, /200 variables/],
]
const refusal = (message: RegExp) => ({ message: expect.stringMatching(message), extensions: expect.objectContaining({ code: 'OPERATION_TOO_LARGE' }) })
const send = (init: RequestInit, query = '') =>
  fetch(`${api.url}/graphql${query}`, { ...init, headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/json', ...init.headers } })

test.each(large)('a document with too many %s is refused over every transport', async (_, query, message) => {
  for (const text of [query, `${query} # subscription`]) {
    const body = JSON.stringify({ query: text })
    const plain = await send({ method: 'POST', body })
    expect(plain.status).toBe(400)
    expect((await plain.json()) as object).toEqual({ errors: [refusal(message)] })
    const events = await send({ method: 'POST', body, headers: { accept: 'text/event-stream' } })
    expect(await events.text()).toMatch(/^:\n\nevent: next\ndata: .*"code":"OPERATION_TOO_LARGE"/)
  }
  const asText = await send({ method: 'POST', body: query, headers: { 'content-type': 'application/graphql' } })
  expect([asText.status, await asText.json()]).toEqual([400, { errors: [refusal(message)] }])
  if (encodeURIComponent(query).length < 12_000) {
    const byGet = await send({}, `?query=${encodeURIComponent(query)}`)
    expect([byGet.status, await byGet.json()]).toEqual([400, { errors: [refusal(message)] }])
  }
  const socket = await connect(api)
  socket.subscribe('other', subscriptionOfAll)
  socket.subscribe('large', query)
  expect((await socket.next({ id: 'large' })).payload).toEqual([refusal(message)])
  socket.subscribe('fine', '{ locales { code } }')
  expect((await socket.next({ id: 'fine' })).type).toBe('next')
})

test('a document without an operation is refused with GRAPHQL_VALIDATION_FAILED', async () => {
  const { errors } = await api.ask('fragment F on Query { __typename }')
  expect(errors).toMatchObject([{ message: expect.stringContaining('has no operation'), extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }])
})

test('an error message is shorter than 1,010 characters, even for a long input', async () => {
  for (const [query, variables] of [
    ['query ($n: Int) { deployments(first: $n) { totalCount } }', { n: 'x'.repeat(1_000_000) }],
    ['query ($n: Int) { deployments(first: $n) { totalCount } }', { n: 'x'.repeat(10_000) }],
    [`{ ${'x'.repeat(10_000)} }`, {}],
  ] as const) {
    const { errors } = await api.ask(query, variables)
    expect(errors?.[0]?.message.length).toBeLessThan(1_010)
    expect(errors?.[0]?.extensions?.code).toMatch(/BAD_USER_INPUT|GRAPHQL_VALIDATION_FAILED/)
  }
})

test.each([
  ['levels', `{"id":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, /64 levels/],
  ['values', `{"id":[${'{},'.repeat(20_000)}{}]}`, /10000 values/],
])('variables with too many %s are refused over HTTP and WebSocket', async (_, variables, message) => {
  const payload = `{"query":"query ($id: ID!) { node(id: $id) { id } }","variables":${variables}}`
  const error = { message: expect.stringMatching(message), extensions: { code: 'REQUEST_TOO_LARGE' } }
  const response = await send({ method: 'POST', body: payload })
  expect([response.status, await response.json()]).toEqual([413, { errors: [error] }])
  const socket = await connect(api)
  socket.subscribe('other', subscriptionOfAll)
  socket.socket.send(`{"id":"large","type":"subscribe","payload":${payload}}`)
  expect((await socket.next({ id: 'large', type: 'error' })).payload).toEqual([error])
  socket.socket.send(`{"type":"subscribe","id":"large","payload":${payload}}`)
  expect(await socket.close()).toEqual({ code: 4400, reason: expect.stringMatching(message) })
})

test('the refusal of a body that is not JSON does not quote the body', async () => {
  const text = await (await send({ method: 'POST', body: '{"query": secret' })).text()
  expect(text).toContain('BAD_REQUEST')
  expect(text).not.toMatch(/originalError|secret/)
})
