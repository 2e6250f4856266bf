// Compiled queries accept and refuse the same variables as graphql-js, although they read them with different code.
import fc from 'fast-check'
import { buildSchema, execute, type GraphQLInputType, getNamedType, isInputObjectType, parse } from 'graphql'
import { compileQuery, isCompiledQuery } from 'graphql-jit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { schema as ours } from '../../src/graphql/schema.ts'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  for (let n = 0; n < 3; n++) await api.create({ name: `Lane ${n}` })
  await api.act('cancelDeployment', (await api.create({ name: 'Lane canceled' })).deployment.id)
})
afterAll(() => api.close())

async function post(body: string, accept: string) {
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${api.key}`, accept },
    body,
  })
  return { status: response.status, body: (await response.text()).replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>') }
}

const document = `query Q($where: DeploymentFilter, $order: DeploymentOrder, $first: Int = 2, $statuses: [DeploymentStatus!], $text: String, $locale: Locale,
    $model: ID, $ids: [ID!]! = [], $shown: Boolean = true, $hidden: Boolean = false, $field: DeploymentOrderField = NAME) {
  list: deployments(where: $where, orderBy: $order, first: $first) { totalCount nodes { name @include(if: $shown) status @skip(if: $hidden) } }
  inline: deployments(where: { statuses: $statuses, text: $text, locale: $locale, modelId: $model }, orderBy: { field: $field, direction: ASC }) { totalCount nodes { name } }
  nodes(ids: $ids) { id }
}`

const strange = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    [],
    {},
    '',
    'x',
    0,
    -1,
    1.5,
    2 ** 31,
    2 ** 53,
    true,
    false,
    [null],
    [[]],
    [{}],
    { __proto__: null },
    'COMPLETE',
    'complete',
    'en-us',
    'NaN',
  ),
  fc.json().map((text) => JSON.parse(text) as unknown),
)
const mostly = (usual: fc.Arbitrary<unknown>) => fc.oneof({ weight: 3, arbitrary: usual }, { weight: 1, arbitrary: strange })
const status = fc.constantFrom('QUEUED', 'CANCELED', 'COMPLETE', 'NONE')
const where = fc.record(
  {
    locale: mostly(fc.constantFrom('en-US', 'EN-us', 'xx', 'not a tag')),
    statuses: mostly(fc.oneof(fc.array(status, { maxLength: 3 }), status)),
    text: mostly(fc.constantFrom('Lane', 'lane 1', '')),
    modelId: mostly(fc.constantFrom('', 'x', null)),
    extra: strange,
  },
  { requiredKeys: [] },
)
const order = fc.record(
  { field: mostly(fc.constantFrom('NAME', 'CREATED_AT', 'AGE')), direction: mostly(fc.constantFrom('ASC', 'DESC', 'UP')) },
  { requiredKeys: [] },
)
const variables = fc.record(
  {
    where: mostly(where),
    order: mostly(order),
    first: mostly(fc.integer({ min: -1, max: 101 })),
    statuses: mostly(fc.array(status, { maxLength: 3 })),
    text: mostly(fc.string()),
    locale: mostly(fc.constantFrom('en-US', 'en-us', 'de')),
    model: strange,
    ids: mostly(fc.array(fc.constantFrom('x', 1, ''), { maxLength: 3 })),
    shown: mostly(fc.boolean()),
    hidden: mostly(fc.boolean()),
    field: mostly(fc.constantFrom('NAME', 'STATUS')),
    extra: strange,
  },
  { requiredKeys: [] },
)

test('generated variables get the same result from the compiled query and from graphql-yoga', { timeout: 240_000 }, async () => {
  await post(JSON.stringify({ query: document }), 'application/json')
  await fc.assert(
    fc.asyncProperty(variables, async (given) => {
      const body = JSON.stringify({ query: document, variables: given })
      // The compiled query does not answer requests with this Accept header, so graphql-yoga answers.
      expect(await post(body, 'application/json')).toEqual(await post(body, 'application/json;q=1'))
    }),
    { numRuns: 250, examples: [[{ where: [] }], [{ shown: null }], [{ field: null }], [{ order: [] }], [{ ids: null }], [{ first: 2 ** 53 }]] },
  )
})

// The values that resolvers receive are compared.
const schema = buildSchema(`
  enum Color { RED GREEN }
  input Point { x: Int! = 1 y: Int tags: [String!] = ["a"] next: Inner color: Color = GREEN }
  input Inner { y: Int! = 4 tags: [String] }
  input Choice @oneOf { a: Int b: String }
  type Query { echo(point: Point, points: [Point!], matrix: [[Int]], color: Color = RED, id: ID, n: Int! = 5, f: Float, b: Boolean, s: String, choice: Choice): String }
`)
const echo = schema.getQueryType()?.getFields().echo
if (echo) echo.resolve = (_, args) => JSON.stringify(args)
const types = {
  point: 'Point',
  points: '[Point!]',
  matrix: '[[Int]]',
  color: 'Color',
  id: 'ID',
  n: 'Int',
  f: 'Float',
  b: 'Boolean',
  s: 'String',
  choice: 'Choice',
}

test('resolvers receive the same values for variables that both accept', async () => {
  const defaults: Record<string, string> = { points: '[{ y: 2 }]', color: 'GREEN', n: '7', point: '{ x: 3, next: { y: 1 } }', matrix: '[1, [2]]' }
  for (const withDefaults of [false, true]) {
    const declared = Object.entries(types).map(
      ([name, type]) => `$${name}: ${type}${withDefaults && defaults[name] ? ` = ${defaults[name]}` : name === 'n' ? ' = 6' : ''}`,
    )
    const query = `query (${declared.join(', ')}) { echo(${Object.keys(types).map((name) => `${name}: $${name}`)}) }`
    const parsed = parse(query)
    const compiled = compileQuery(schema, parsed)
    if (!isCompiledQuery(compiled)) throw new Error('not compiled')
    const tags = mostly(fc.oneof(fc.array(fc.string()), fc.string()))
    const point = fc.record(
      {
        x: mostly(fc.integer()),
        y: mostly(fc.integer()),
        tags,
        color: mostly(fc.constantFrom('RED', 'BLUE')),
        next: mostly(fc.record({ y: mostly(fc.integer()), tags }, { requiredKeys: [] })),
      },
      { requiredKeys: [] },
    )
    const given = fc.record(
      {
        point: mostly(point),
        points: mostly(fc.oneof(fc.array(point, { maxLength: 2 }), point)),
        matrix: mostly(fc.oneof(fc.array(fc.array(fc.integer())), fc.array(fc.integer()), fc.integer())),
        color: mostly(fc.constantFrom('RED', 'GREEN')),
        id: mostly(fc.oneof(fc.integer(), fc.string())),
        n: mostly(fc.integer()),
        f: mostly(fc.double()),
        b: mostly(fc.boolean()),
        s: mostly(fc.string()),
        choice: mostly(fc.constantFrom<unknown>({ a: 1 }, { b: 'x' }, { a: null }, { a: 1, b: 'x' })),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(given, async (values) => {
        const json = JSON.parse(JSON.stringify(values)) as Record<string, unknown>
        const long = await execute({ schema, document: parsed, variableValues: json })
        const short = await compiled.query(undefined, {}, json)
        if (!long.errors && !short.errors) expect(JSON.parse(String(short.data?.echo))).toEqual(JSON.parse(String(long.data?.echo)))
      }),
      { numRuns: 1000 },
    )
  }
})

test('no input type of the schema contains itself, because the compiler would not terminate', () => {
  const holds = (type: GraphQLInputType, path: readonly GraphQLInputType[]): boolean => {
    const named = getNamedType(type)
    if (!isInputObjectType(named)) return false
    return path.includes(named) || Object.values(named.getFields()).some((field) => holds(field.type, [...path, named]))
  }
  const inputs = Object.values(ours.getTypeMap()).filter(isInputObjectType)
  expect(inputs.length).toBeGreaterThan(5)
  expect(inputs.filter((type) => holds(type, [])).map(({ name }) => name)).toEqual([])
})
