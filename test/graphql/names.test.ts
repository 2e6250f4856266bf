// Names that look the same are equal, invisible characters are refused, and lists use the collation of the language.
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { refreshNameOrder } from '../../src/postgres/collation.ts'
import { openConnection } from '../../src/postgres/connection.ts'
import { modelsOf } from '../support/models.ts'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
let sql: postgres.Sql
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  sql = postgres(api.databaseUrl, { max: 2, onnotice: () => {} })
})
afterAll(async () => {
  await sql.end()
  await api.close()
})

const remove = async (text: string) => {
  const { data } = await api.ask('query ($text: String) { deployments(where: { text: $text }, first: 100) { nodes { id } } }', { text })
  for (const { id } of data?.deployments.nodes ?? []) await api.act('deleteDeployment', id)
}

describe('names that look the same', () => {
  test.each([
    ['case', 'FRONT DESK'],
    ['two spaces', 'Front  desk'],
    ['a no-break space', 'Front\u00a0desk'],
    ['an em space', 'Front\u2003desk'],
    ['an ideographic space', 'Front\u3000desk'],
    ['a blank of Braille', 'Front\u2800desk'],
    ['spaces around', '  Front desk\u3000'],
    ['full-width letters', '\uff26ront desk'],
    ['a ligature in the other one', 'Front de\u017fk'],
  ])('a deployment name that differs only by %s is taken', async (_, name) => {
    await remove('Front desk')
    expect((await api.create({ name: 'Front desk' })).deployment.name).toBe('Front desk')
    expect(await api.create({ name })).toMatchObject({ code: 'DUPLICATE_DEPLOYMENT_NAME', path: 'name' })
  })

  test.each([
    ['straße', 'STRASSE'],
    ['ΟΔΟΣ', 'οδος'],
    ['ﬁrst office', 'FIRST OFFICE'],
    ['Cafe\u0301', 'CAFÉ'],
    ['東京\u{E0100}', '東京'],
  ])('the deployment names %s and %s are the same', async (first, second) => {
    expect((await api.create({ name: first })).deployment?.name).toBe(first.normalize('NFC'))
    expect(await api.create({ name: second })).toMatchObject({ code: 'DUPLICATE_DEPLOYMENT_NAME' })
    const { deployment } = await api.create()
    const { data } = await api.ask('mutation ($input: UpdateDeploymentInput!) { updateDeployment(input: $input) { __typename ... on Error { code } } }', {
      input: { id: deployment.id, name: second },
    })
    expect(data?.updateDeployment).toEqual({ __typename: 'DuplicateDeploymentNameError', code: 'DUPLICATE_DEPLOYMENT_NAME' })
  })

  test('model names that differ only in case, white space and normalization are the same', async () => {
    const models = modelsOf(api)
    expect(await models.createLanguageModel({ name: 'Card Gämes', text: 'a' })).toHaveProperty('model')
    expect(await models.createLanguageModel({ name: 'card  GA\u0308MES', text: 'a' })).toMatchObject({ code: 'DUPLICATE_MODEL_NAME' })
  })

  test('a name is stored in NFC with single spaces', async () => {
    expect((await api.create({ name: '  Ame\u0301lie\u00a0\u2003two ' })).deployment.name).toBe('Amélie two')
  })
})

describe('invisible characters', () => {
  test.each([
    ['a zero-width space', 'Front\u200bdesk'],
    ['a soft hyphen', 'Front\u00addesk'],
    ['a word joiner', 'Front\u2060desk'],
    ['a left-to-right mark', 'Front\u200edesk'],
    ['a variation selector', 'Front\ufe0fdesk'],
    ['a tag character', 'Front\u{E0041}desk'],
    ['a grapheme joiner', 'Front\u034fdesk'],
    ['a joiner between Latin letters', 'Front\u200ddesk'],
    ['a Hangul filler alone', '\u3164'],
    ['a half-width filler', '\uffa0'],
    ['blanks of Braille alone', '\u2800\u2800'],
    ['a byte order mark inside', 'Front\ufeffdesk'],
    ['a reordering mark', 'Front\u202edesk'],
  ])('a name with %s is refused with a message', async (_, name) => {
    expect(await api.create({ name })).toMatchObject({
      code: 'VALIDATION_FAILED',
      fieldErrors: [{ path: 'name', message: expect.stringMatching(/^name must /) }],
    })
  })

  test.each([
    'می\u200cخواهم',
    'क्\u200dष',
    'ശ്രീ ന്\u200d',
    '👩\u200d💻 Support',
    '❤\ufe0f',
    '🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}',
    '1\ufe0f\u20e3 Line',
    '葛\u{E0100}城',
  ])('%s is accepted as a name', async (name) => {
    expect((await api.create({ name })).deployment.name).toBe(name)
  })
})

describe('search', () => {
  test('a search finds text in any case, normalization form and width', async () => {
    await api.create({ name: 'Kafé Zürich', description: 'Über\n  alles' })
    const count = async (text: string) =>
      (await api.ask('query ($text: String) { deployments(where: { text: $text }) { totalCount } }', { text })).data?.deployments.totalCount
    for (const text of ['kafé', 'kafe\u0301', 'ZU\u0308RICH', 'kafé  zürich', 'kaf\u00e9\u00a0z', 'ｋａｆé', 'über alles'])
      expect(await count(text), text).toBe(1)
    expect(await count('\u200b')).toBe(0)
    const { data } = await api.ask('query ($text: String) { models(where: { text: $text }) { totalCount } }', { text: 'ＤＩＣＴＡＴＩＯＮ' })
    expect(data?.models.totalCount).toBe(2)
  })
})

describe('the order', () => {
  const wanted = ['ábaco', 'apple', 'Banana', 'Line 2', 'line 10', 'Ömer', 'zebra']

  test('deployments and models are sorted by name in natural order, page by page in both directions', async () => {
    const { data } = await api.ask('mutation { createWorkspace(input: { name: "Sorted" }) { ... on CreateWorkspaceSuccess { secret } } }')
    const sorted = { ...api, ...api.as(data?.createWorkspace.secret), key: data?.createWorkspace.secret }
    const models = modelsOf(sorted)
    for (const name of wanted.toReversed()) {
      await sorted.create({ name })
      await models.createLanguageModel({ name, text: 'a' })
    }
    const read = async (list: string, args: string, direction: string) => {
      const names: string[] = []
      for (let cursor: string | null = null, more = true; more; ) {
        const answer = await sorted.ask(
          `query ($cursor: String) { ${list}(first: 2, after: $cursor, ${args} orderBy: { field: NAME, direction: ${direction} }) { nodes { name } pageInfo { endCursor hasNextPage } } }`,
          { cursor },
        )
        const page: any = answer.data?.[list]
        names.push(...page.nodes.map(({ name }: { name: string }) => name))
        cursor = page.pageInfo.endCursor
        more = page.pageInfo.hasNextPage
      }
      return names
    }
    expect(await read('deployments', '', 'ASC')).toEqual(wanted)
    expect(await read('deployments', '', 'DESC')).toEqual(wanted.toReversed())
    expect(await read('models', 'where: { isBase: false },', 'ASC')).toEqual(wanted)
    const byAge = (await sorted.ask('{ models(where: { isBase: false }, orderBy: { field: CREATED_AT, direction: DESC }) { nodes { name } } }')).data
    expect(byAge?.models.nodes.map(({ name }: { name: string }) => name)).toEqual(wanted)
    await sorted.dispose()
  })

  test('name_key is the same for every normalization form, and stable', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), async (name) => {
        const [row] =
          await sql`select name_key(${name}) as key, name_key(${name.normalize('NFD')}) as nfd, name_key(${name.toUpperCase()}) as upper, name_key(name_key(${name})) as again`
        expect(row?.nfd).toBe(row?.key)
        expect(row?.again).toBe(row?.key)
        if (/^[ -~]*$/.test(name)) expect(row?.upper).toBe(row?.key)
      }),
      { numRuns: 200 },
    )
  })
})

test('a new version of ICU rebuilds the index of the names once', async () => {
  const client = await openConnection(api.databaseUrl, { name: 'test' })
  onTestFinished(() => client.close(0))
  const read = async () =>
    (await client.send("select collversion, pg_relation_filenode('deployments_workspace_name') as file from pg_collation where collname = 'names'"))[0]
  const before = await read()
  await client.send("update pg_collation set collversion = '1' where collname = 'names'")
  await refreshNameOrder(client)
  const after = await read()
  expect(after?.['collversion']).toBe(before?.['collversion'])
  expect(after?.['file']).not.toBe(before?.['file'])
  await refreshNameOrder(client)
  expect(await read()).toEqual(after)
})

test('an upgrade numbers existing names that look the same, and keeps every row', async () => {
  const server = postgres(inject('postgresUrl'), { max: 1 })
  const name = `upgrade_${crypto.randomUUID().replaceAll('-', '')}`
  await server`create database ${server(name)}`
  const url = new URL(inject('postgresUrl'))
  url.pathname = `/${name}`
  const old = postgres(url.href, { max: 1, onnotice: () => {} })
  const folder = resolve(import.meta.dirname, '../../drizzle')
  const migrations = (await readdir(folder)).sort()
  const here = migrations.findIndex((entry) => entry.endsWith('names_that_look_alike'))
  const run = async (entry: string) => {
    for (const statement of (await readFile(join(folder, entry, 'migration.sql'), 'utf8')).split('--> statement-breakpoint')) await old.unsafe(statement)
  }
  for (const entry of migrations.slice(0, here)) await run(entry)
  await old`insert into workspaces (name) values ('W')`
  await old`insert into models (id, kind, locale, scenario, name, description, licence, files) values (gen_random_uuid(), 'ACOUSTIC', 'en-US', 'CONVERSATIONAL', 'm', '', 'MIT', '[]')`
  const names = ['Front desk', 'Front\u200bdesk', 'Front  desk', 'Front\u00a0desk', 'front desk (2)', 'Other']
  for (const each of names)
    await old`insert into deployments (workspace_id, name, description, locale, acoustic_model_id, language_model_id, status) select w.id, ${each}, '', 'en-US', m.id, m.id, 'COMPLETE' from workspaces w, models m`
  await run(migrations[here] ?? '')
  expect((await old`select name from deployments order by id`).map((row) => row.name)).toEqual([
    'Front desk',
    'Front\u200bdesk',
    'Front  desk (3)',
    'Front\u00a0desk (4)',
    'front desk (2)',
    'Other',
  ])
  await old.end()
  await server`drop database ${server(name)} with (force)`
  await server.end()
})
