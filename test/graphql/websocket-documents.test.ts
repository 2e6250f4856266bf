// An invalid or failing document ends only its subscription, and not the socket.
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { connect, dial, subscriptionOfAll } from '../support/graphql-socket.ts'
import { openTestService, type Service } from '../support/service.ts'
import { until } from '../support/until.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
})
afterAll(() => api.close())

const field = 'deploymentStatusChanged'
const documents: [string, string, object?][] = [
  ['@skip with a variable', `subscription ($s: Boolean!) { ${field} @skip(if: $s) { __typename } }`, { s: false }],
  ['@include with a variable', `subscription ($s: Boolean!) { ${field} @include(if: $s) { __typename } }`, { s: true }],
  ['@skip with a variable that has a default', `subscription ($s: Boolean = true) { ${field} @skip(if: $s) { __typename } }`],
  ['@include with a variable that is not given', `subscription ($s: Boolean!) { ${field} @include(if: $s) { __typename } }`],
  ['@include with a literal', `subscription { ${field} @include(if: true) { __typename } }`],
  ['@include on an inline fragment', `subscription ($s: Boolean!) { ... @include(if: $s) { ${field} { __typename } } }`, { s: true }],
  ['@include inside inline fragments', `subscription ($s: Boolean!) { ... { ... on Subscription { ${field} @include(if: $s) { __typename } } } }`, { s: true }],
  ['@skip on a fragment spread', `subscription ($s: Boolean!) { ...F @skip(if: $s) } fragment F on Subscription { ${field} { __typename } }`, { s: false }],
  [
    '@skip inside a fragment',
    `subscription ($s: Boolean!) { ...F } fragment F on Subscription { ...G } fragment G on Subscription { ${field} @skip(if: $s) { __typename } }`,
    { s: false },
  ],
  ['@include without if', `subscription { ${field} @include { __typename } }`],
  ['@skip without if', `subscription { ${field} @skip { __typename } }`],
  ['@include with text', `subscription { ${field} @include(if: "x") { __typename } }`],
  ['@include with null', `subscription { ${field} @include(if: null) { __typename } }`],
  ['@include with an undefined variable', `subscription { ${field} @include(if: $nowhere) { __typename } }`],
  ['@include with another argument', `subscription { ${field} @include(unless: true) { __typename } }`],
  ['@skip and @include', `subscription ($s: Boolean!) { ${field} @skip(if: $s) @include(if: $s) { __typename } }`, { s: true }],
  ['@skip on one of two operations', `subscription A { ${field} { __typename } } subscription B($s: Boolean!) { ${field} @skip(if: $s) { __typename } }`],
  ['fragments in a circle', 'subscription { ...F } fragment F on Subscription { ...F }'],
  ['a fragment that does not exist', 'subscription { ...Nowhere }'],
  ['no field', 'subscription ($s: Boolean!) { ... on Query { __typename } }'],
  ['two fields', `subscription { a: ${field} { __typename } b: ${field} { __typename } }`],
  ['introspection', 'subscription { __typename }'],
  ['a directive that does not exist', `subscription { ${field} @nowhere(if: "x") { __typename } }`],
  ['an argument of another type', `subscription { ${field}(locale: {a: [1, {b: $x}]}) { __typename } }`],
  ['@stream and @defer', `subscription { ${field} @stream { ... @defer { __typename } } }`],
]

test.each(documents)('%s causes an error for its id, and the other subscription of the socket continues', async (_, query, variables) => {
  const written = [vi.spyOn(console, 'error'), vi.spyOn(console, 'warn'), vi.spyOn(process.stderr, 'write')]
  onTestFinished(() => {
    for (const spy of written) spy.mockRestore()
  })
  const socket = await connect(api)
  socket.subscribe('other', subscriptionOfAll)
  socket.subscribe('bad', query, variables)
  const { payload } = await socket.next({ id: 'bad', type: 'error' })
  expect(payload).toContainEqual(expect.objectContaining({ message: expect.stringMatching(/\w+ \w+/) }))
  expect(JSON.stringify(payload)).not.toContain('INTERNAL_SERVER_ERROR')
  // The id can be used again, and the other subscription gets the change.
  socket.subscribe('bad', '{ locales { code } }')
  await socket.next({ id: 'bad', type: 'complete' })
  await api.create()
  await socket.next({ id: 'other', type: 'next' })
  for (const spy of written) expect(spy).not.toHaveBeenCalled()
})

const ask = (query: string, variables: object | undefined, accept: string) =>
  fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${api.key}`, accept },
    body: JSON.stringify({ query, variables }),
  })

describe.each(['text/event-stream', 'application/json', 'application/graphql-response+json', '*/*'])('over HTTP with Accept: %s', (accept) => {
  test.each(documents)('%s is answered with an error message', async (name, query, variables) => {
    const response = await ask(query, variables, accept)
    const text = await response.text()
    expect(response.status, text).toBeLessThan(500)
    if (/^@(skip|include)/.test(name)) expect(response.status).toBe(400)
    expect(text).toMatch(/"errors":\[\{"message":"[^"]/)
    expect(text).not.toContain('INTERNAL_SERVER_ERROR')
  })
})

test.each([
  ['a document that is not complete', 'subscription {', undefined, 'GRAPHQL_PARSE_FAILED'],
  ['a document with bad characters', 'query { locales { code } } \u0007', undefined, 'GRAPHQL_PARSE_FAILED'],
  ['two operations without a name', 'query A { locales { code } } query B { locales { code } }', undefined, 'OPERATION_RESOLUTION_FAILURE'],
  ['the name of no operation', 'query A { locales { code } }', 'B', 'OPERATION_RESOLUTION_FAILURE'],
])('%s has the same code over a socket and over HTTP', async (_, query, operationName, code) => {
  const socket = await connect(api)
  socket.send({ id: '1', type: 'subscribe', payload: { query, operationName } })
  const { payload } = await socket.next({ id: '1', type: 'error' })
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${api.key}` },
    body: JSON.stringify({ query, operationName }),
  })
  const { errors } = (await response.json()) as { errors: object[] }
  expect(payload).toEqual(errors)
  expect(payload[0].extensions).toEqual({ code })
})

test.each([
  ['variables', { variables: [] }],
  ['variables', { variables: 'x' }],
  ['operationName', { operationName: 5 }],
  ['extensions', { extensions: 'x' }],
  ['query', { query: 5 }],
])('a message with invalid %s closes the socket with a reason that contains the name', async (name, payload) => {
  const socket = await connect(api)
  socket.send({ id: '1', type: 'subscribe', payload: { query: '{ locales { code } }', ...payload } })
  expect(await socket.close()).toEqual({ code: 4400, reason: expect.stringContaining(`'${name}'`) })
})

test('@skip and @include on nested fields of a subscription are executed', async () => {
  const { deployment } = await api.create()
  const socket = await connect(api)
  const query = `subscription ($id: ID!, $s: Boolean!) { ${field}(deploymentId: $id) { ... on DeploymentStatusChange @skip(if: $s) { status } ... @include(if: $s) { __typename } } }`
  socket.subscribe('1', query, { id: deployment.id, s: true })
  expect((await socket.next({ id: '1' })).payload.data[field]).toEqual({ __typename: 'DeploymentStatusChange' })
})

test('an exception in a subscription becomes an error for its id, with an id of the log and without the cause', async () => {
  const socket = await connect(api)
  socket.subscribe('other', subscriptionOfAll)
  const parse = vi.spyOn(JSON, 'stringify').mockImplementationOnce(() => {
    throw new Error('a secret of the inside')
  })
  socket.socket.send('{"id":"1","type":"subscribe","payload":{"query":"{ locales { code } }"}}')
  const { payload } = await socket.next({ id: '1', type: 'error' })
  parse.mockRestore()
  expect(payload[0]).toMatchObject({ message: expect.stringMatching(/^Something went wrong on the server\. Look for [\w-]+ in the server's log\.$/) })
  await api.create()
  await socket.next({ id: 'other', type: 'next' })
})

test('an id that is reused immediately after its completion gets the changes of the second subscription', async () => {
  const socket = await connect(api)
  socket.subscribe('1', subscriptionOfAll)
  await api.create()
  await socket.next({ id: '1', type: 'next' })
  socket.send({ id: '1', type: 'complete' })
  socket.subscribe('1', subscriptionOfAll)
  // The id is also reused before the first subscription has started, several times.
  for (let n = 0; n < 3; n++) {
    socket.subscribe('2', subscriptionOfAll)
    socket.send({ id: '2', type: 'complete' })
    socket.subscribe('2', subscriptionOfAll)
    socket.send({ id: '2', type: 'complete' })
  }
  socket.subscribe('2', '{ locales { code } }')
  await socket.next({ id: '2', type: 'next' })
  await socket.next({ id: '2', type: 'complete' })
  socket.subscribe('3', 'subscription {')
  await socket.next({ id: '3', type: 'error' })
  await api.create()
  await socket.next({ id: '1', type: 'next' })
  expect(socket.heard).toEqual([])
})

test('the number of completed subscriptions that have not ended is limited, and the socket stays open', async () => {
  const sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  onTestFinished(() => sql.end())
  const { deployment } = await api.create()
  const socket = await connect(api)
  await sql.begin(async (tx) => {
    // No subscription can start before the lock on the table is released.
    await tx`lock table deployment_events in access exclusive mode`
    for (let n = 0; n < 250; n++) {
      socket.subscribe(String(n), `subscription { ${field}(deploymentId: "${deployment.id}") { __typename } }`)
      socket.send({ id: String(n), type: 'complete' })
    }
    for (let n = 200; n < 250; n++)
      expect(await socket.next({ id: String(n), type: 'error' })).toMatchObject({ payload: [{ extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } }] })
    expect(socket.heard).toEqual([])
  })
  await until(async () => {
    socket.subscribe('more', '{ locales { code } }')
    return (await socket.next({ id: 'more' })).type === 'next'
  })
})

test('a subscription with a used id of any length closes the socket with a reason that contains the id', async () => {
  const socket = await connect(api)
  const id = '🎙'.repeat(100)
  socket.subscribe(id, subscriptionOfAll)
  socket.subscribe(id, subscriptionOfAll)
  expect(await socket.close()).toEqual({ code: 4409, reason: expect.stringContaining('Subscriber for 🎙') })
})

test.each([[['graphql-ws']], [['graphql-ws', 'another']], [['mqtt']], [[]]])(
  'a socket with the subprotocols %j opens, and closes with a reason',
  async (protocols) => {
    const warn = vi.spyOn(console, 'warn')
    onTestFinished(() => warn.mockRestore())
    const { opened, close } = dial(api, protocols)
    await opened
    expect(await close()).toEqual({ code: 4406, reason: expect.stringContaining('graphql-transport-ws') })
    expect(warn).not.toHaveBeenCalled()
  },
)

test('graphql-transport-ws is selected if the client offers both subprotocols', async () => {
  const { socket, opened } = dial(api, ['graphql-ws', 'graphql-transport-ws'])
  await opened
  expect(socket.protocol).toBe('graphql-transport-ws')
})
