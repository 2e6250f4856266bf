// Mutations and uploads have a rate per key and per workspace, the same on every transport.
import { parse } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TokenBuckets } from '../../src/capacity/token-buckets.ts'
import { createMutationRate } from '../../src/domain/mutation-rate.ts'
import { countMutations } from '../../src/graphql-server/mutation-limit.ts'
import { connect } from '../support/graphql-socket.ts'
import { modelsOf } from '../support/models.ts'
import { openTestService, type Service } from '../support/service.ts'

describe('buckets', () => {
  let now = 0
  const open = (limit: number) => new TokenBuckets(limit, 60, () => now)

  test('a bucket gives its whole limit at once and refills evenly', () => {
    const buckets = open(60)
    buckets.take('a', 60)
    expect(buckets.waitSeconds('a', 1)).toBeCloseTo(1)
    expect(buckets.waitSeconds('a', 30)).toBeCloseTo(30)
    expect(buckets.waitSeconds('b', 60)).toBe(0)
    expect(buckets.read('a')).toEqual({ remaining: 0, resetSeconds: 60 })
    now += 30_500
    expect(buckets.read('a')).toEqual({ remaining: 30, resetSeconds: 30 })
    expect(buckets.waitSeconds('a', 30)).toBe(0)
  })

  test('a full bucket gives more than its limit, and has a negative balance afterwards', () => {
    const buckets = open(10)
    expect(buckets.waitSeconds('a', 100)).toBe(0)
    buckets.take('a', 100)
    expect(buckets.waitSeconds('a', 1)).toBeCloseTo(91 * 6)
    now += 600_000
    expect(buckets.read('a').remaining).toBe(10)
  })

  test('buckets are removed when they are full, and when their number exceeds the limit', () => {
    const buckets = open(60)
    for (let n = 0; n < 100; n++) buckets.take(`idle ${n}`, 1)
    expect(buckets.size).toBe(100)
    now += 60_000
    for (let n = 0; n < 30_000; n++) buckets.take(`busy ${n}`, 10)
    expect(buckets.size).toBe(10_000)
    expect(buckets.read('busy 0').remaining).toBe(60)
    expect(buckets.read('busy 29999').remaining).toBe(50)
  })

  test('a request takes from the buckets of the key and of the workspace, or from neither', () => {
    const rate = createMutationRate({ mutationsPerKey: 10, mutationsPerWorkspace: 15 }, () => now)
    const viewer = (keyId: string) => ({ keyId, workspaceId: 'w', scopes: [], isBootstrap: false, expiresAt: null })
    expect(rate.take(viewer('a'), 10)).toBeUndefined()
    expect(rate.take(viewer('a'), 1)).toEqual({ scope: 'key', limit: 10, retryAfter: 6 })
    expect(rate.take(viewer('b'), 6)).toEqual({ scope: 'workspace', limit: 15, retryAfter: 4 })
    expect(rate.read(viewer('b'))[0]?.remaining).toBe(10)
    expect(rate.take(viewer('b'), 5)).toBeUndefined()
  })
})

test.each<[string, string, string | undefined, number]>([
  ['one field', 'mutation { a }', undefined, 1],
  ['aliases', 'mutation { x: a y: a z: a }', undefined, 3],
  ['one field twice', 'mutation { a a }', undefined, 1],
  ['fragments', 'mutation { ...f ... { b } ...f } fragment f on Mutation { a c ...f }', undefined, 3],
  ['a selected operation', 'mutation A { a } mutation B { a b }', 'B', 2],
  ['a query beside a mutation', 'query A { a } mutation B { a }', 'A', 0],
  ['a missing operation name', 'mutation A { a } mutation B { a b }', undefined, 0],
  ['an empty name', 'mutation A { a b }', '', 2],
])('the root fields of a mutation count: %s', (_, query, operationName, count) => {
  expect(countMutations(parse(query), operationName)).toBe(count)
})

describe('a server', () => {
  const perKey = 8
  const perWorkspace = 20
  let api: Service
  /** Keys of separate workspaces, so that tests do not share limits. */
  const secrets: string[] = []
  beforeAll(async () => {
    api = await openTestService({ ROLES: 'api', MAX_MUTATIONS_PER_KEY: String(perKey), MAX_MUTATIONS_PER_WORKSPACE: String(perWorkspace) })
    // One large request: a full bucket gives more than its limit.
    const own = Array.from({ length: 10 }, (_, n) => `w${n}: createWorkspace(input: { name: "Own" }) { ... on CreateWorkspaceSuccess { secret } }`)
    const { data } = await api.ask(`mutation { ${own.join(' ')} }`)
    for (const { secret } of Object.values(data ?? {})) secrets.push(secret)
  })
  afterAll(() => api?.close())

  const takeKey = () => secrets.pop() ?? ''
  const nothing = 'mutation { deleteUpload(id: "VXBsb2FkOng=") { __typename } }'
  const many = (count: number) => `mutation { ${Array.from({ length: count }, (_, n) => `a${n}: deleteUpload(id: "VXBsb2FkOng=") { __typename }`).join(' ')} }`
  const post = async (key: string, query: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${api.localUrl}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
      body: JSON.stringify({ query }),
    })
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
  const refusal = { code: 'RATE_LIMITED', scope: 'key', limit: perKey, retryAfter: expect.any(Number) }

  test('mutations over the rate of a key are refused with the time to retry, and queries are answered', async () => {
    const key = takeKey()
    const first = await post(key, nothing)
    expect(first.status).toBe(200)
    expect(first.headers.get('ratelimit-policy')).toBe(`"key";q=${perKey};w=60, "workspace";q=${perWorkspace};w=60`)
    expect(first.headers.get('ratelimit')).toMatch(new RegExp(`^"key";r=${perKey - 1};t=\\d+, "workspace";r=${perWorkspace - 1};t=\\d+$`))
    const [rest] = await Promise.all(Array.from({ length: perKey - 1 }, () => post(key, nothing)))
    expect(rest?.status).toBe(200)
    // More mutations than the bucket regains during the test.
    const refused = await post(key, many(4))
    expect(refused.status).toBe(429)
    const [error] = JSON.parse(refused.text).errors
    expect(error.extensions).toEqual(refusal)
    expect(error.message).toMatch(/^This key can send 8 mutations and uploads per minute.*again in \d+ s\.$/)
    expect(refused.headers.get('retry-after')).toBe(String(error.extensions.retryAfter))
    expect(refused.headers.get('ratelimit')).toMatch(/^"key";r=[0-3];t=\d+, /)
    const query = await post(key, '{ viewer { limits { mutations { key { limit windowSeconds remaining resetSeconds } workspace { limit remaining } } } } }')
    expect(query.headers.get('ratelimit')).toBeNull()
    const { mutations } = JSON.parse(query.text).data.viewer.limits
    expect(mutations.key).toMatchObject({ limit: perKey, windowSeconds: 60, resetSeconds: expect.any(Number) })
    expect(mutations.key.remaining).toBeLessThan(4)
    expect(mutations.workspace.remaining).toBeLessThan(perWorkspace - perKey + 4)
  })

  test('each root field counts, a refused mutation changes nothing, and a mutation over the limit succeeds with a full bucket', async () => {
    const key = takeKey()
    // More root fields than the limit, from a key with a full bucket.
    expect((await post(key, many(perKey + 1))).status).toBe(200)
    const refused = await post(key, `mutation { createKey(input: { name: "refused", scopes: [READ] }) { __typename } }`)
    expect(JSON.parse(refused.text)).toEqual({ errors: [expect.objectContaining({ extensions: refusal })] })
    expect((await post(key, '{ keys { nodes { name } } }')).text).not.toContain('refused')
  })

  test('mutations over the rate are refused over Server-Sent Events', async () => {
    const key = takeKey()
    await post(key, many(perKey))
    const { text } = await post(key, many(4), { accept: 'text/event-stream' })
    expect(text).toContain('"code":"RATE_LIMITED"')
    expect(text).not.toContain('"data":{')
  })

  test('mutations over the rate are refused over WebSocket with an error for their id, and the socket stays open', async () => {
    const key = takeKey()
    const socket = await connect({ localUrl: api.localUrl, key })
    socket.subscribe('many', many(perKey))
    expect((await socket.next({ id: 'many', type: 'next' })).payload.data.a0.__typename).toBe('UploadNotFoundError')
    socket.subscribe('more', many(4))
    const [error] = (await socket.next({ id: 'more', type: 'error' })).payload
    expect(error.extensions).toEqual(refusal)
    socket.subscribe('query', '{ locales { code } }')
    expect(await socket.next({ id: 'query', type: 'next' })).toHaveProperty('payload.data.locales')
  })

  test('uploads count as mutations', async () => {
    const key = takeKey()
    const { upload } = modelsOf({ ...api, key })
    const sent = await upload('text', 'one\n')
    expect(sent.status).toBe(201)
    expect(sent.headers.get('ratelimit')).toMatch(`"key";r=${perKey - 1};`)
    await post(key, many(perKey - 1))
    const refused = await upload('text', 'two\n')
    expect(refused.status).toBe(429)
    const problem = (await refused.json()) as { retryAfter: number }
    expect(problem).toMatchObject(refusal)
    expect(refused.headers.get('retry-after')).toBe(String(problem.retryAfter))
  })

  test('the keys of a workspace share its rate, and other workspaces are not affected', async () => {
    const key = takeKey()
    const { text } = await post(
      key,
      'mutation { a: createKey(input: { name: "a", scopes: [MANAGE] }) { ... on CreateKeySuccess { secret } } b: createKey(input: { name: "b", scopes: [MANAGE] }) { ... on CreateKeySuccess { secret } } }',
    )
    const { a, b } = JSON.parse(text).data
    expect((await post(a.secret, many(perKey))).status).toBe(200)
    expect((await post(b.secret, many(perKey))).status).toBe(200)
    const refused = await post(key, many(perKey - 2))
    expect(JSON.parse(refused.text).errors[0].extensions).toMatchObject({ scope: 'workspace', limit: perWorkspace })
    expect((await post(takeKey(), many(perKey))).status).toBe(200)
  })

  test('invalid mutations and mutations without a valid key do not count', async () => {
    const key = takeKey()
    expect((await post(key, 'mutation { dance }')).headers.get('ratelimit')).toBeNull()
    expect((await post('cs_unknown', nothing)).status).toBe(401)
    expect((await post(key, nothing)).headers.get('ratelimit')).toMatch(`"key";r=${perKey - 1};`)
  })
})
