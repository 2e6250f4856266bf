// The search for a text in names and descriptions of deployments; no jobs run here.
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
let sql: postgres.Sql
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  for (const [name, description] of [
    ['Front desk', 'Calls of guests'],
    ['Größe 50 %', 'a\\b_c'],
    ['東京タワー', 'line one\nline two'],
    ['Ω x', ''],
  ] as const)
    await api.create({ ...(await api.sampleInput()), name, description })
})
afterAll(async () => {
  await sql.end()
  await api.close()
})

const query = 'query ($text: String) { deployments(where: { text: $text }) { totalCount statusCounts { count } nodes { name } } }'

describe('a text is found', () => {
  test.each([
    ['in a name, whatever its case', 'FRONT D', ['Front desk']],
    ['in a description', 'of guests', ['Front desk']],
    ['with a letter that has a compatibility form', 'ﬀ', []],
    ['with ß as ss', 'GRÖSSE', ['Größe 50 %']],
    ['with a percent sign', '0 %', ['Größe 50 %']],
    ['with a backslash', 'a\\b', ['Größe 50 %']],
    ['with an underscore, which stands for itself', 'b_c', ['Größe 50 %']],
    ['with an underscore that no text has', 'o_t', []],
    ['of two characters', '京タ', ['東京タワー']],
    ['of one character', 'ω', ['Ω x']],
    ['of one character in two deployments', 'k', ['Front desk']],
    ['across a line break of a description', 'one line', ['東京タワー']],
    ['not across name and description', 'deskCalls', []],
    ['not across name and description with a blank', 'desk Calls', []],
    ['of invisible characters in none', '\u200b', []],
  ])('%s', async (_, text, names) => {
    const { deployments } = (await api.ask(query, { text })).data ?? {}
    expect(deployments.nodes.map(({ name }: { name: string }) => name)).toEqual(names)
    expect(deployments.totalCount).toBe(names.length)
    expect(deployments.statusCounts).toEqual(names.length ? [{ count: names.length }] : [])
  })
})

test('a renamed deployment is found by its new name and not by its old one', async () => {
  const { deployment } = await api.create({ ...(await api.sampleInput()), name: 'Before' })
  const update = 'mutation ($id: ID!) { updateDeployment(input: { id: $id, name: "Afterwards" }) { __typename } }'
  await api.ask(update, { id: deployment.id })
  const find = async (text: string) => (await api.ask(query, { text })).data?.deployments.totalCount
  expect([await find('before'), await find('afterward')]).toEqual([0, 1])
})

test('a search that takes too long is refused with its own code and says what to change', async () => {
  const released = Promise.withResolvers<void>()
  const taken = Promise.withResolvers<void>()
  const locked = sql.begin(async (tx) => {
    await tx`lock table deployments in access exclusive mode`
    taken.resolve()
    await released.promise
  })
  await taken.promise
  const [ofRows, ofCount] = await Promise.all([
    api.ask('query ($text: String) { deployments(where: { text: $text }) { nodes { id } } }', { text: 'desk' }),
    api.ask('query ($text: String) { deployments(first: 0, where: { text: $text }) { totalCount } }', { text: 'desk' }),
  ])
  released.resolve()
  await locked
  for (const { errors } of [ofRows, ofCount]) {
    expect(errors?.[0]?.extensions?.code).toBe('SEARCH_TIMED_OUT')
    expect(errors?.[0]?.message).toContain('longer text')
  }
  expect((await api.ask(query, { text: 'front' })).data?.deployments.totalCount).toBe(1)
})
