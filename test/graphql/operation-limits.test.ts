// The limits on the cost of one operation.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
})
afterAll(() => api.close())

const repeat = (times: number, make: (n: number) => string) => Array.from({ length: times }, (_, n) => make(n)).join(' ')

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
  ['1,500 levels of inline fragments', `{ ${'... on Query { '.repeat(1500)} __typename ${'}'.repeat(1500)} }`],
])('an operation with %s is refused', async (_, query) => {
  const { data, errors } = await api.ask(query)
  expect(data).toBeUndefined()
  expect(errors?.[0]?.extensions?.code).toMatch(/OPERATION_TOO_LARGE|GRAPHQL_/)
  expect(errors?.[0]?.message).not.toContain('Something went wrong')
})

test('the refusal of an expensive operation contains the cost and the limit', async () => {
  const { errors } = await api.ask('query ($n: Int) { deployments(first: $n) { nodes { timeline(first: $n) { nodes { message } } } } }', { n: 100 })
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'OPERATION_TOO_LARGE', limit: 10_000, cost: expect.any(Number) })
  expect(errors?.[0]?.message).toMatch(/costs \d+, and the limit is 10000/)
})

test('the cost of a document depends on its variables and on their default values', async () => {
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

test('more than 100 ids in one nodes field are refused with TOO_MANY_IDS', async () => {
  const { errors } = await api.ask('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: Array.from({ length: 101 }, () => 'x') })
  expect(errors?.[0]?.extensions?.code).toBe('TOO_MANY_IDS')
})

test('the query of a dashboard page is within the limits', async () => {
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
])('the invalid document %j is refused without an internal error', async (query) => {
  const { errors } = await api.ask(query)
  expect(errors?.length).toBeGreaterThan(0)
  expect(JSON.stringify(errors)).not.toContain('INTERNAL_SERVER_ERROR')
})

test.each([{ id: { __proto__: null, constructor: { prototype: 1 } } }, { id: ['a', ['b']] }, { id: null }, { id: 1.5 }])(
  'the variables %j cause no internal error',
  async (variables) => {
    const { errors, data } = await api.ask('query ($id: ID!) { node(id: $id) { id } }', variables)
    expect(JSON.stringify([errors, data])).not.toContain('INTERNAL_SERVER_ERROR')
  },
)
