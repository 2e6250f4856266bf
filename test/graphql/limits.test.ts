// What attackers send: answered in words, quickly, and without stopping anyone else.
import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { connect, subscriptionOfAll } from '../support/graphql-socket.ts'
import { openTestService, type Service, startTestService } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api', MAX_SUBSCRIPTIONS_PER_SOCKET: '5', MAX_SOCKETS_PER_KEY: '8' })
})
afterAll(() => api.close())

const repeat = (times: number, make: (n: number) => string) => Array.from({ length: times }, (_, n) => make(n)).join(' ')

describe('operations that ask for too much', () => {
  test.each<[string, string]>([
    [
      'a fragment bomb',
      `{ ...f0 } ${repeat(20, (n) => `fragment f${n} on Query { ...f${n + 1} a${n}: __typename ...f${n + 1} }`)} fragment f20 on Query { __typename }`,
    ],
    [
      'long pages in long pages',
      '{ deployments(first: 100) { nodes { timeline(first: 100) { nodes { deployment { timeline(first: 100) { nodes { sequence } } } } } } } }',
    ],
    ['1,000 aliases', `{ ${repeat(1000, (n) => `a${n}: locales { code }`)} }`],
    ['200 aliases', `{ ${repeat(200, (n) => `a${n}: locales { code }`)} }`],
    ['3,000 equal fields', `{ ${repeat(3000, () => '__typename')} }`],
    ['300 directives', `{ __typename ${repeat(300, () => '@include(if: true)')} }`],
    ['deep nesting', `{ deployments { nodes { ${'timeline { nodes { deployment { '.repeat(6)} id ${'} } }'.repeat(6)} } } }`],
    ['deep introspection', `{ __schema { types { ${'fields { type { '.repeat(12)} name ${'} }'.repeat(12)} } } }`],
    ['10,000 levels of inline fragments', `{ ${'... on Query { '.repeat(1500)} __typename ${'}'.repeat(1500)} }`],
  ])('%s', async (_, query) => {
    const started = performance.now()
    const { data, errors } = await api.ask(query)
    expect(data).toBeUndefined()
    expect(errors?.[0]?.extensions?.code).toMatch(/OPERATION_TOO_LARGE|GRAPHQL_/)
    expect(errors?.[0]?.message).not.toContain('Something went wrong')
    expect(performance.now() - started).toBeLessThan(1000)
  })

  test('the refusal says cost and limit', async () => {
    const { errors } = await api.ask('query ($n: Int) { deployments(first: $n) { nodes { timeline(first: $n) { nodes { message } } } } }', { n: 100 })
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'OPERATION_TOO_LARGE', limit: 10_000, cost: expect.any(Number) })
    expect(errors?.[0]?.message).toMatch(/costs \d+; 10000 is the limit/)
  })

  test('the same document is judged by its variables each time, and by their defaults', async () => {
    const query = 'query ($n: Int = 100) { deployments(first: $n) { nodes { timeline(first: $n) { nodes { stage } } } } }'
    for (const [variables, refused] of [
      [{ n: 100 }, true],
      [{ n: 1 }, false],
      [{}, true],
      [{ n: 2 }, false],
    ] as const) {
      const { errors } = await api.ask(query, variables)
      expect(errors?.[0]?.extensions?.code, JSON.stringify(variables)).toBe(refused ? 'OPERATION_TOO_LARGE' : undefined)
    }
  })

  test('more ids than nodes takes are a clear error', async () => {
    const { errors } = await api.ask('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: Array.from({ length: 101 }, () => 'x') })
    expect(errors?.[0]?.extensions?.code).toBe('TOO_MANY_IDS')
  })

  test('what a dashboard asks for is well within', async () => {
    const { errors } = await api.ask(`{ deployments(first: 50) { totalCount statusCounts { status count } pageInfo { endCursor hasNextPage }
      edges { cursor node { id name description status stage progress failure { code message } endpoint { httpUrl webSocketUrl samples { code } } acousticModel { id name } languageModel { id name } createdAt } } } }`)
    expect(errors).toBeUndefined()
  })

  test.each([
    '{ deployments(first: 2147483648) { nodes { id } } }',
    'query Q { ',
    '',
    'query A { __typename } query B { __typename }',
    'fragment f on Query { ...f } { ...f }',
  ])('nonsense: %j', async (query) => {
    const { errors } = await api.ask(query)
    expect(errors?.length).toBeGreaterThan(0)
    expect(JSON.stringify(errors)).not.toContain('INTERNAL_SERVER_ERROR')
  })

  test.each([{ id: { __proto__: null, constructor: { prototype: 1 } } }, { id: ['a', ['b']] }, { id: null }, { id: 1.5 }])(
    'strange variables',
    async (variables) => {
      const { errors, data } = await api.ask('query ($id: ID!) { node(id: $id) { id } }', variables)
      expect(JSON.stringify([errors, data])).not.toContain('INTERNAL_SERVER_ERROR')
    },
  )
})

describe('documents that are too large for the parser or for validation', () => {
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

  test.each(large)('too many %s', async (_, query, message) => {
    for (const text of [query, `${query} # subscription`]) {
      const body = JSON.stringify({ query: text })
      const plain = await send({ method: 'POST', body })
      expect(plain.status).toBe(400)
      expect((await plain.json()) as object).toEqual({ errors: [refusal(message)] })
      const events = await send({ method: 'POST', body, headers: { accept: 'text/event-stream' } })
      expect(await events.text()).toMatch(/^:\n\nevent: next\ndata: .*"code":"OPERATION_TOO_LARGE"/)
    }
    const asItIs = await send({ method: 'POST', body: query, headers: { 'content-type': 'application/graphql' } })
    expect([asItIs.status, await asItIs.json()]).toEqual([400, { errors: [refusal(message)] }])
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

  test('a document of fragments is told that it has no operation', async () => {
    const { errors } = await api.ask('fragment F on Query { __typename }')
    expect(errors).toMatchObject([{ message: expect.stringContaining('has no operation'), extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }])
  })

  test('messages quote no more than a part of a long input', async () => {
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
  ])('variables of too many %s', async (_, variables, message) => {
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

  test('a body that is not JSON is not echoed', async () => {
    const text = await (await send({ method: 'POST', body: '{"query": secret' })).text()
    expect(text).toContain('BAD_REQUEST')
    expect(text).not.toMatch(/originalError|secret/)
  })
})

describe('requests', () => {
  const raw = (options: object, body?: string | Buffer) =>
    new Promise<{ status: number | undefined; headers: Record<string, unknown>; body: string }>((answered, failed) => {
      const request = httpRequest(`${api.url}/graphql`, { method: 'POST', ...options }, (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => answered({ status: response.statusCode, headers: response.headers, body: text }))
      })
      request.on('error', failed)
      request.end(body)
    })
  const authorization = () => `Bearer ${api.key}`

  test('a body over the limit is refused', async () => {
    const body = JSON.stringify({ query: '{ __typename }', pad: 'x'.repeat(3_000_000) })
    const answer = await raw({ headers: { authorization: authorization(), 'content-type': 'application/json', 'content-length': body.length } }, body).catch(
      (error) => ({ status: error.code }),
    )
    expect([413, 'ECONNRESET', 'EPIPE']).toContain(answer.status)
  })

  test('JSON that is nested 50,000 deep is refused', async () => {
    const deep = `{"query":"query ($id: ID!) { node(id: $id) { id } }","variables":{"id":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`
    const answer = await raw({ headers: { authorization: authorization(), 'content-type': 'application/json' } }, deep)
    expect(answer.status).toBeGreaterThanOrEqual(200)
    expect(answer.status).toBeLessThan(500)
    expect(answer.body).not.toContain('INTERNAL_SERVER_ERROR')
  })

  test('a client that leaves in the middle of its body harms nobody', async () => {
    for (let n = 0; n < 5; n++) {
      const request = httpRequest(`${api.url}/graphql`, {
        method: 'POST',
        headers: { authorization: authorization(), 'content-type': 'application/json', 'content-length': 1000 },
      })
      request.on('error', () => {})
      request.write('{"que')
      await new Promise((resolve) => setTimeout(resolve, 50))
      request.destroy()
    }
    expect((await api.ask('{ locales { code } }')).errors).toBeUndefined()
  })

  test('arrays of operations are not accepted', async () => {
    const answer = await raw(
      { headers: { authorization: authorization(), 'content-type': 'application/json' } },
      JSON.stringify([{ query: '{ __typename }' }, { query: '{ __typename }' }]),
    )
    expect(answer.status).toBe(400)
  })

  test.each([
    ['a form', 'application/x-www-form-urlencoded', 'query=mutation{deleteDeployment(id:"x"){__typename}}'],
    ['plain text', 'text/plain', '{"query":"mutation{deleteDeployment(id:\\"x\\"){__typename}}"}'],
    [
      'a multipart form',
      'multipart/form-data; boundary=b',
      '--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query":"{__typename}"}\r\n--b--',
    ],
  ])('%s from a foreign page changes nothing: such a request cannot carry the key', async (_, type, body) => {
    const answer = await raw({ headers: { origin: 'https://evil.example', 'content-type': type } }, body)
    expect(answer.status).toBe(401)
    expect(answer.headers['access-control-allow-origin']).toBeUndefined()
  })

  test('a mutation does not come by GET, and foreign origins get no CORS headers', async () => {
    const response = await fetch(`${api.url}/graphql?query=${encodeURIComponent('mutation { cancelDeployment(id: "x") { __typename } }')}`, {
      headers: { authorization: authorization() },
    })
    expect(response.status).toBe(405)
    const preflight = await fetch(`${api.url}/graphql`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    })
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('sockets', () => {
  const open = (options: object = {}, protocol = 'graphql-transport-ws') => new WebSocket(`${api.url.replace('http', 'ws')}/graphql`, protocol, options)
  const closeCode = (socket: WebSocket) => new Promise<number>((closed) => socket.once('close', closed))
  async function ready(socket = open()) {
    await new Promise((opened) => socket.once('open', opened))
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${api.key}` } }))
    await new Promise((acknowledged) => socket.once('message', acknowledged))
    return socket
  }
  const next = (socket: WebSocket) => new Promise<any>((heard) => socket.once('message', (data) => heard(JSON.parse(String(data)))))

  test('from a foreign origin are refused, from our own accepted', async () => {
    const foreign = open({ origin: 'https://evil.example' })
    expect(await new Promise((refused) => foreign.once('unexpected-response', (_, response) => refused(response.statusCode)))).toBe(403)
    ;(await ready(open({ origin: api.url }))).close()
  })

  test('from the public URL are accepted, whatever host a proxy calls', async () => {
    const service = await startTestService({ ROLES: 'api', PUBLIC_URL: 'https://speech.example/base' })
    const answer = (origin: string, host = '127.0.0.1') =>
      new Promise((answered) => {
        const socket = new WebSocket(`${service.localUrl.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers: { origin, host } })
        socket.once('open', () => answered('open'))
        socket.once('unexpected-response', (_, response) => answered(response.statusCode))
      })
    expect(await answer('https://speech.example')).toBe('open')
    expect(await answer('https://evil.example')).toBe(403)
    // What came by http on the way to somebody who is reached by https may be anybody's.
    expect(await answer('http://speech.example', 'speech.example')).toBe(403)
    expect(await answer('http://localhost:4000', 'localhost:4000')).toBe('open')
  })

  test('that say nothing, or say it twice, or speak something else, are closed by name', async () => {
    const twice = await ready()
    twice.send(JSON.stringify({ type: 'connection_init' }))
    expect(await closeCode(twice)).toBe(4429)
    const strange = await ready()
    strange.send('{"type":"dance"}')
    expect(await closeCode(strange)).toBe(4400)
    expect(await closeCode(new WebSocket(`${api.url.replace('http', 'ws')}/graphql`))).toBe(4406)
    expect(await closeCode(open())).toBe(4408)
  })

  test('with oversized frames are closed', async () => {
    const socket = await ready()
    socket.on('error', () => {})
    socket.send(JSON.stringify({ type: 'ping', payload: { pad: 'x'.repeat(1_000_000) } }))
    expect(await closeCode(socket)).toBe(1009)
  })

  test('hold so many subscriptions and no more; a bad one ends nothing else', async () => {
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

  test('are so many for one key and no more', async () => {
    const sockets = await Promise.all(Array.from({ length: 8 }, () => ready()))
    const more = open()
    more.once('open', () => more.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${api.key}` } })))
    expect(await closeCode(more)).toBe(4403)
    for (const socket of sockets) socket.terminate()
  })
})

test('with GraphiQL off there is no page, no introspection and no hint of names', async () => {
  const closed = await openTestService({ ROLES: 'api', GRAPHIQL: 'off' })
  expect((await fetch(`${closed.url}/graphql`, { headers: { accept: 'text/html' } })).headers.get('content-type') ?? '').not.toContain('text/html')
  expect((await closed.ask('{ __schema { types { name } } }')).errors?.[0]?.message).toContain('switched off')
  const asPage = await fetch(`${closed.url}/graphql?query=${encodeURIComponent('{ __typename }')}`, { headers: { accept: 'text/html, application/json' } })
  expect(asPage.status).toBe(401)
  expect((await closed.ask('{ deploymentz { id } }')).errors?.[0]?.message).not.toContain('Did you mean')
  expect((await closed.ask('{ locales { code } }')).errors).toBeUndefined()
  await closed.close()
})
