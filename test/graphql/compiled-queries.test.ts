// graphql-yoga answers the first request of an operation, and the compiled operation answers the following requests with the same result.
import { request as httpRequest } from 'node:http'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
let sql: postgres.Sql
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  for (let n = 0; n < 5; n++) await api.create({ name: `Lane ${n}` })
})
afterAll(async () => {
  await sql.end()
  await api.close()
})

const post = (body: string, headers: Record<string, string> = {}) =>
  new Promise<{ status: number | undefined; type: unknown; length: unknown; rate: unknown; body: string }>((answered, failed) => {
    const sent = httpRequest(
      `${api.url}/graphql`,
      { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${api.key}`, ...headers } },
      (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () =>
          answered({
            status: response.statusCode,
            type: response.headers['content-type'],
            length: response.headers['content-length'],
            rate: response.headers.ratelimit,
            body: text,
          }),
        )
      },
    )
    sent.on('error', failed)
    sent.end(body)
  })

/** Removes parts that differ between requests, such as the ids of unexpected errors. */
const settled = ({ body, ...rest }: Awaited<ReturnType<typeof post>>) => ({
  ...rest,
  length: undefined,
  rate: undefined,
  body: body.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>'),
})

const fields = [
  'id',
  'name',
  'description',
  'locale',
  'status',
  'isTerminal',
  'isServing',
  'stage',
  'progress',
  'sequence',
  'createdAt',
  'endpoint { httpUrl }',
  'failure { code }',
  'acousticModel { id name }',
  'languageModel { __typename name }',
  'timeline { totalCount nodes { message } }',
  'nonsense',
  'endpoint',
  'name { x }',
]
const lists = [1, 2, 3, 5, 20, 100, 101, -1].flatMap((first) =>
  ['', ', after: "garbage"', ', where: { locale: "en-US" }', ', where: { statuses: [QUEUED] }', ', orderBy: { field: NAME, direction: ASC }', ', last: 2'].map(
    (more) => `{ deployments(first: ${first}${more}) { totalCount nodes { name status } pageInfo { hasNextPage } } }`,
  ),
)
const corpus: { query: string; variables?: unknown; operationName?: unknown }[] = [
  ...lists.map((query) => ({ query })),
  ...fields.flatMap((field) => [
    { query: `{ deployments { nodes { ${field} } } }` },
    { query: `query Q($n: Int = 2) { deployments(first: $n) { nodes { x: ${field} } } }`, variables: { n: 3 } },
  ]),
  ...fields.flatMap((field) => fields.slice(0, 12).map((other) => ({ query: `{ deployments(first: 2) { edges { cursor node { ${field} b: ${other} } } } }` }))),
  ...['QUEUED', 'NONE', 1, null, ['QUEUED'], { a: 1 }].map((status) => ({
    query: 'query ($s: [DeploymentStatus!]) { deployments(where: { statuses: $s }) { totalCount } }',
    variables: { s: status },
  })),
  ...['garbage', '', 1, null, [], {}].map((id) => ({ query: 'query ($id: ID!) { node(id: $id) { id } deployment(id: $id) { name } }', variables: { id } })),
  { query: '{ models { nodes { __typename id name ... on AcousticModel { compatibleLanguageModels { name } } } } }' },
  { query: '{ locales { code name deploymentCount } viewer { scopes workspace { name } limits { pageSize } } }' },
  { query: 'query A { __typename } query B { locales { code } }', operationName: 'B' },
  { query: 'query A { __typename } query B { locales { code } }', operationName: 'C' },
  { query: 'query A { __typename } query B { locales { code } }' },
  { query: '{ __typename @skip(if: true) locales { code @include(if: false) name } }' },
  { query: '{ ...f } fragment f on Query { locales { ...g } } fragment g on SpeechLocale { code }' },
  { query: 'query ($b: Boolean!) { locales { code @include(if: $b) } }', variables: {} },
  { query: 'query ($b: Boolean!) { locales { code @include(if: $b) } }', variables: { b: 'yes' } },
  { query: '{ locale(code: "en-US") { code } other: locale(code: "nope nope") { code } }' },
  { query: 'mutation { cancelDeployment(id: "x") { __typename ... on Error { code } } }' },
  ...['', 'x', 'RGVwbG95bWVudDp4', 1, null, {}, []].flatMap((id) => [
    { query: 'mutation ($id: ID!) { deleteDeployment(id: $id) { __typename ... on Error { code message path } } }', variables: { id } },
    {
      query: 'mutation M($id: ID!) { a: retryDeployment(id: $id) { ...f } b: retryDeployment(id: $id) { ...f } } fragment f on Error { code }',
      variables: { id },
    },
  ]),
  ...[
    '{}',
    '{ name: "", locale: "en-US", acousticModelId: "x", languageModelId: "y" }',
    '{ name: "A", locale: "xx", acousticModelId: "x", languageModelId: "y" }',
  ].map((input) => ({ query: `mutation { createDeployment(input: ${input}) { __typename ... on Error { code message path } } }` })),
  { query: 'mutation A { __typename } query B { locales { code } }', operationName: 'A' },
  { query: 'mutation A { __typename } query B { locales { code } }', operationName: 'B' },
  { query: '{' },
  { query: 'query ($n: Int) { deployments(first: $n) { nodes { timeline(first: $n) { nodes { message } } } } }', variables: { n: 100 } },
  { query: '{ deployments { nodes { id } } }', variables: [] },
  { query: '{ deployments { nodes { id } } }', variables: 'none' },
]

test(`${corpus.length} documents, errors included, get the same result from graphql-yoga and from the compiled query`, { timeout: 120_000 }, async () => {
  expect(corpus.length).toBeGreaterThanOrEqual(300)
  for (const document of corpus) {
    const body = JSON.stringify(document)
    // The compiled query does not answer requests with this header, so graphql-yoga answers.
    const long = await post(body, { accept: 'application/json;q=1' })
    const again = [await post(body), await post(body)]
    for (const answer of again) expect(settled(answer), body).toEqual(settled(long))
  }
})

test('graphql-yoga answers requests that the compiled query cannot, with the same result', async () => {
  const body = JSON.stringify({ query: '{ locales { code } }' })
  await post(body)
  const plain = await post(body)
  expect(plain).toMatchObject({
    status: 200,
    type: 'application/json; charset=utf-8',
    body: '{"data":{"locales":[{"code":"en-US"},{"code":"es-ES"},{"code":"es-MX"}]}}',
  })
  expect(await post(body, { accept: 'application/graphql-response+json' })).toMatchObject({
    type: 'application/graphql-response+json; charset=utf-8',
    body: plain.body,
  })
  expect(await post(body, { authorization: 'Bearer cs_wrong' })).toMatchObject({ status: 401 })
  expect(await post(body, { authorization: '' })).toMatchObject({ status: 401 })
  expect(await post('not json')).toMatchObject({ status: 400 })
  expect(await post('')).toMatchObject({ status: 400 })
  expect(await post(JSON.stringify({ query: `{ locales { code } } #${'x'.repeat(3_000_000)}` }))).toMatchObject({ status: 413 })
})

describe('mutations', () => {
  const query =
    'mutation Create($input: CreateDeploymentInput!) { made: createDeployment(input: $input) { __typename ... on CreateDeploymentSuccess { deployment { sequence } } } }'
  const create = async (name: string, headers?: Record<string, string>) =>
    post(JSON.stringify({ query, variables: { input: { ...(await api.sampleInput()), name } } }), headers)

  test('a mutation runs once, and its answer has the headers of the rate', async () => {
    await create('Once 0')
    const answers = [await create('Once 1'), await create('Once 2', { accept: 'application/json;q=1' })]
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 200, body: '{"data":{"made":{"__typename":"CreateDeploymentSuccess","deployment":{"sequence":1}}}}' })
      expect(answer.rate).toMatch(/^"key";r=\d+;t=\d+, "workspace";r=\d+;t=\d+$/)
    }
    expect(await create('Once 1')).toMatchObject({ body: '{"data":{"made":{"__typename":"DuplicateDeploymentNameError"}}}' })
  })

  test('an unexpected error of a mutation is masked, has its position, and counts once', async () => {
    await sql.unsafe(`create function refuse() returns trigger language plpgsql as $$ begin raise exception 'a secret'; end $$;
      create trigger refuse before insert on deployment_events for each row execute function refuse()`)
    try {
      const [yoga, compiled] = [await create('Broken', { accept: 'application/json;q=1' }), await create('Broken')]
      expect(compiled.status).toBe(200)
      expect(JSON.parse(compiled.body).errors[0]).toMatchObject({ path: ['made'], locations: [{ line: 1 }], extensions: { code: 'INTERNAL_SERVER_ERROR' } })
      expect(compiled.body).not.toContain('secret')
      expect(settled(compiled).body).toBe(settled(yoga).body)
      // The bucket refills between the requests.
      expect(remaining(yoga) - remaining(compiled)).toBeLessThanOrEqual(1)
    } finally {
      await sql.unsafe('drop trigger refuse on deployment_events; drop function refuse')
    }
  })
})

const remaining = ({ rate }: { rate: unknown }) => Number(/^"key";r=(\d+)/.exec(String(rate))?.[1])
