// Invalid locale tags, dates, ids and variables are refused with a code.
import { getIntrospectionQuery } from 'graphql'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { modelsOf } from '../support/models.ts'
import { openTestService, type Service, startTestService } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  await api.create({ name: 'One' })
})
afterAll(() => api.close())

describe('locales', () => {
  test.each(['en-us', 'EN-US', 'eN-uS', 'en_US'])('the locale %s means en-US in every query and mutation', async (locale) => {
    const sample = await api.sampleInput()
    const created = await api.create({ locale })
    expect(created.deployment).toMatchObject({ locale: 'en-US' })
    const { data } = await api.ask(
      `query ($locale: Locale!, $input: CreateDeploymentInput!) {
        deployments(where: { locale: $locale }) { totalCount } same: deployments(where: { locale: "en-US" }) { totalCount }
        models(where: { locale: $locale }) { totalCount } alike: models(where: { locale: "en-US" }) { totalCount }
        literal: models(where: { locale: "${locale}" }) { totalCount }
        locale(code: $locale) { code }
        deploymentPreflight(input: $input) { ok problems { ... on Error { code } } }
      }`,
      { locale, input: { ...sample, locale } },
    )
    expect(data?.deployments.totalCount).toBeGreaterThan(0)
    expect(data?.deployments).toEqual(data?.same)
    expect(data?.models.totalCount).toBeGreaterThan(0)
    expect(data?.models).toEqual(data?.alike)
    expect(data?.literal).toEqual(data?.alike)
    expect(data?.locale).toEqual({ code: 'en-US' })
    expect(data?.deploymentPreflight).toEqual({ ok: true, problems: [] })
    const models = modelsOf(api)
    expect(await models.createLanguageModel({ locale, text: 'a' })).toHaveProperty('model')
    expect(await models.createAcousticModel({ locale, source: { httpsUrl: 'https://models.example/a.tgz' } })).toHaveProperty('model')
  })

  test.each(['', 'english', 'en US', 'en--US', '-', 'x', 'en-US-'.repeat(20)])('the locale %j is refused, as a variable and as a literal', async (locale) => {
    if (locale === 'english') return expect((await api.create({ locale })).fieldErrors[0].message).toContain('en-US')
    const variable = await api.ask('query ($locale: Locale) { deployments(where: { locale: $locale }) { totalCount } }', { locale })
    expect(variable.errors?.[0]).toMatchObject({ message: expect.stringContaining('en-US'), extensions: { code: 'BAD_USER_INPUT' } })
    const literal = await api.ask(`{ models(where: { locale: "${locale}" }) { totalCount } }`)
    expect(literal.errors?.[0]?.extensions?.code).toBe('GRAPHQL_VALIDATION_FAILED')
  })
})

describe('moments', () => {
  const createKey = (expiresAt: unknown) =>
    api.ask(
      'mutation ($at: DateTime) { createKey(input: { name: "k", scopes: [READ], expiresAt: $at }) { __typename ... on CreateKeySuccess { key { id expiresAt } } } }',
      {
        at: expiresAt,
      },
    )

  test.each([
    '2027-02-30T00:00:00Z',
    '2027-02-29T00:00:00Z',
    '2027-04-31T12:00:00Z',
    '2027-13-01T00:00:00Z',
    '2027-00-10T00:00:00Z',
    '2027-01-00T00:00:00Z',
    '2027-01-01T24:00:00Z',
    '2027-01-01T23:60:00Z',
    '2027-01-01T23:59:60Z',
    '2027-01-01T00:00:00+24:00',
    '2027-01-01T00:00:00',
    '2027-01-01',
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+14:00',
    '9999-12-31T23:59:59-14:00',
    '+012027-01-01T00:00:00Z',
    '',
    1796083200000,
  ])('the DateTime %j is refused', async (text) => {
    expect((await createKey(text)).errors?.[0]).toMatchObject({ message: expect.stringMatching(/DateTime/), extensions: { code: 'BAD_USER_INPUT' } })
  })

  test.each([
    ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['2027-12-31t23:59:59.123456z', '2027-12-31T23:59:59.123Z'],
    ['2400-02-29T10:00:00-05:30', '2400-02-29T15:30:00.000Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
  ])('the DateTime %s is read as %s', async (text, moment) => {
    const { data } = await createKey(text)
    expect(data?.createKey.key.expiresAt).toBe(moment)
    await api.ask('mutation ($id: ID!) { revokeKey(id: $id) { __typename } }', { id: data?.createKey.key.id })
  })

  test.each(['0000-01-01T00:00:00Z', '2027-02-30T00:00:00Z', '+099999-01-01T00:00:00Z', 'yesterday'])(
    'a cursor with %s is refused as an invalid cursor',
    async (moment) => {
      const after = Buffer.from(JSON.stringify([moment, '01990000-0000-7000-8000-000000000001'])).toString('base64url')
      for (const [list, field] of [
        ['deployments', 'UPDATED_AT'],
        ['models', 'CREATED_AT'],
      ]) {
        const { errors } = await api.ask(`query ($after: String) { ${list}(after: $after, orderBy: { field: ${field}, direction: ASC }) { nodes { id } } }`, {
          after,
        })
        expect(errors?.[0]?.extensions?.code).toBe('INVALID_CURSOR')
      }
    },
  )
})

describe('filters', () => {
  const id = (text: string) => Buffer.from(text).toString('base64')
  test.each([
    '',
    'x',
    ' ',
    id('Deployment:01990000-0000-7000-8000-000000000001'),
    id('AcousticModel:'),
    id('AcousticModel:1'),
    '01990000-0000-7000-8000-000000000001',
  ])('a filter with the model id %j is refused', async (modelId) => {
    const { data, errors } = await api.ask('query ($modelId: ID) { deployments(where: { modelId: $modelId }) { totalCount } }', { modelId })
    expect(data).toBeNull()
    expect(errors?.[0]).toMatchObject({ message: expect.stringContaining('where.modelId'), extensions: { code: 'BAD_USER_INPUT' } })
  })

  test('the filter by an unused model id finds no deployments, and an absent or null model id finds all', async () => {
    const count = async (where: object) =>
      (await api.ask('query ($where: DeploymentFilter) { deployments(where: $where) { totalCount } }', { where })).data?.deployments.totalCount
    expect(await count({ modelId: id('AcousticModel:01990000-0000-7000-8000-000000000001') })).toBe(0)
    expect(await count({ modelId: null })).toBe(await count({}))
    expect(await count({ statuses: [] })).toBe(0)
  })
})

describe('codes', () => {
  test.each<[string, object]>([
    ['query ($n: Int) { deployments(first: $n) { totalCount } }', { n: 'x' }],
    ['query ($n: Int!) { deployments(first: $n) { totalCount } }', {}],
    ['query ($n: Int!) { deployments(first: $n) { totalCount } }', { n: null }],
    ['query ($s: [DeploymentStatus!]) { deployments(where: { statuses: $s }) { totalCount } }', { s: ['COMPLETED'] }],
    ['query ($w: DeploymentFilter) { deployments(where: $w) { totalCount } }', { w: { nam: 1 } }],
    ['query ($b: Boolean = true) { locales { code @include(if: $b) } }', { b: null }],
  ])('a bad variable of %s has the code BAD_USER_INPUT, over HTTP and WebSocket', async (query, variables) => {
    for (let n = 0; n < 2; n++) expect((await api.ask(query, variables)).errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT')
    const socket = createClient({
      url: `${api.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${api.key}` },
    })
    const [result] = await Array.fromAsync(socket.iterate({ query, variables: { ...variables } }))
    expect(result?.errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT')
    await socket.dispose()
  })

  test('a bad variable of a subscription has the code BAD_USER_INPUT over SSE', async () => {
    const response = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${api.key}`, accept: 'text/event-stream' },
      body: JSON.stringify({ query: 'subscription ($l: Locale) { deploymentStatusChanged(locale: $l) { __typename } }', variables: { l: 'no no' } }),
    })
    expect(await response.text()).toContain('BAD_USER_INPUT')
  })

  test('an empty operationName is ignored over WebSocket where the document has one operation', async () => {
    const socket = createClient({
      url: `${api.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${api.key}` },
    })
    const [result] = await Array.fromAsync(socket.iterate<any>({ query: 'query Q { locales { code } }', operationName: '' }))
    expect(result?.data?.locales).toHaveLength(3)
    await socket.dispose()
  })
})

test('with GraphiQL off, no error message suggests a name', async () => {
  const closed = await startTestService({ ROLES: 'api', GRAPHIQL: 'off' })
  const page = await fetch(`${closed.url}/graphql`, { headers: { accept: 'text/html', authorization: `Bearer ${closed.key}` } })
  expect([page.status, await page.text()]).toEqual([406, expect.stringContaining('Accept')])
  const wrong: [string, object][] = [
    ['{ deploymentz { id } }', {}],
    ['{ locales }', {}],
    ['{ deployments(frist: 1) { totalCount } }', {}],
    ['{ deployments(where: { statuses: [COMPLET] }) { totalCount } }', {}],
    ['{ deployments(where: { locales: "en-US" }) { totalCount } }', {}],
    ['query ($s: [DeploymentStatus!]) { deployments(where: { statuses: $s }) { totalCount } }', { s: ['COMPLET'] }],
    ['query ($w: DeploymentFilter) { deployments(where: $w) { totalCount } }', { w: { locales: 'en-US' } }],
    ['query ($w: DeploymentFilterr) { deployments(where: $w) { totalCount } }', { w: {} }],
    ['query Q($n: Int) { deployments(first: $m) { totalCount } }', {}],
  ]
  for (const [query, variables] of wrong) {
    const open = await api.ask(query, variables)
    const { errors } = await closed.ask(query, variables)
    expect(open.errors?.length, query).toBeGreaterThan(0)
    expect(errors?.length, query).toBe(open.errors?.length)
    expect(JSON.stringify(errors), query).not.toContain('Did you mean')
  }
  const suggested = await api.ask('query ($s: [DeploymentStatus!]) { deployments(where: { statuses: $s }) { totalCount } }', { s: ['COMPLET'] })
  expect(suggested.errors?.[0]?.message).toContain('Did you mean')
})

describe('introspection', () => {
  const full = getIntrospectionQuery({ specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true, inputValueDeprecation: true, oneOf: true })
  const aliases = (times: number, field: string) => `{ ${Array.from({ length: times }, (_, n) => `a${n}: ${field}`).join(' ')} }`

  test('the standard introspection query is answered, even twice in one document', async () => {
    expect((await api.ask(full)).data?.__schema.types.length).toBeGreaterThan(50)
    const [, inner = ''] = /__schema (\{[\s\S]*?\n {6}\})/.exec(full) ?? []
    const twice = full.replace(inner, `${inner} again: __schema ${inner}`)
    expect(twice.match(/__schema/g)).toHaveLength(2)
    expect((await api.ask(twice)).errors).toBeUndefined()
    expect(
      (await api.ask('query ($name: String!) { __type(name: $name) { name fields { name type { name kind ofType { name } } } } }', { name: 'Deployment' })).data
        ?.__type.name,
    ).toBe('Deployment')
  })

  test.each([
    ['90 whole schemas', aliases(90, '__schema { types { name fields { name type { name } } } }')],
    ['the same lists under many names', `{ __schema { types { ${Array.from({ length: 30 }, (_, n) => `a${n}: fields { name args { name } }`).join(' ')} } } }`],
    [
      '90 types by a variable',
      `query ($n: String = "Query") ${aliases(90, '__type(name: $n) { fields { args { name type { name ofType { name fields { name args { name } } } } } } }')}`,
    ],
    [
      'what all implement',
      '{ __type(name: "Error") { possibleTypes { interfaces { possibleTypes { interfaces { possibleTypes { interfaces { possibleTypes { name fields { name } } } } } } } } } }',
    ],
  ])('introspection of %s is refused before it is executed', async (_, query) => {
    const { data, errors } = await api.ask(query)
    expect(data).toBeUndefined()
    expect(errors?.[0]).toMatchObject({ message: expect.stringMatching(/introspection/i), extensions: { code: 'OPERATION_TOO_LARGE' } })
  })

  test('introspection with a fragment that contains itself is refused by validation', async () => {
    const { errors } = await api.ask('{ __schema { types { ...a } } } fragment a on __Type { name ofType { ...a } }')
    expect(errors?.[0]?.extensions?.code).toBe('GRAPHQL_VALIDATION_FAILED')
  })
})
