// The log of a deleted object is kept for a week.
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { modelsOf } from '../support/models.ts'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
let sql: ReturnType<typeof postgres>
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  sql = postgres(api.databaseUrl, { max: 1 })
})
afterAll(async () => {
  await sql.end()
  await api.close()
})

const kinds = {
  deployment: {
    create: async (): Promise<string> => (await api.create()).deployment.id,
    remove: (id: string) => api.ask('mutation ($id: ID!) { deleteDeployment(id: $id) { __typename } }', { id }),
  },
  model: {
    create: async (): Promise<string> => (await modelsOf(api).createLanguageModel({ text: 'a game of cards' })).model.id,
    remove: (id: string) => modelsOf(api).delete(id),
  },
}

test.each(['deployment', 'model'] as const)('the whole log of a deleted %s is removed after a week, and other logs stay', async (kind) => {
  const { create, remove } = kinds[kind]
  const [gone, there, last] = [await create(), await create(), await create()]
  const readLogs = async () => {
    const rows = await sql`select ${sql(`${kind}_id`)} as id, status from ${sql(`${kind}_events`)} order by position`
    const statusesOf = (id: string) => rows.filter((row) => Buffer.from(id, 'base64').toString().endsWith(row['id'])).map(({ status }) => status)
    return [gone, there, last].map(statusesOf)
  }
  await remove(gone)
  await sql`update ${sql(`${kind}_events`)} set occurred_at = now() - interval '6 days'`
  await remove(last)
  expect(await readLogs()).toEqual([['QUEUED', 'DELETING'], ['QUEUED'], ['QUEUED', 'DELETING']])
  await sql`update ${sql(`${kind}_events`)} set occurred_at = occurred_at - interval '2 days'`
  await remove(await create())
  expect(await readLogs()).toEqual([[], ['QUEUED'], ['QUEUED', 'DELETING']])
})

test('a long log of a deleted deployment is removed in batches, with the deletion event last', async () => {
  const id = await kinds.deployment.create()
  const uuid = Buffer.from(id, 'base64').toString().split(':')[1] as string
  await sql`insert into deployment_events select (event).* from (
    select jsonb_populate_record(old, jsonb_build_object('sequence', n, 'position', 100000 + n)) as event
    from deployment_events old, generate_series(2, 900) n where deployment_id = ${uuid} and sequence = 1)`
  await sql`update deployments set sequence = 900 where id = ${uuid}`
  await kinds.deployment.remove(id)
  await sql`update deployment_events set occurred_at = now() - interval '8 days' where deployment_id = ${uuid}`
  const left = async () => {
    await kinds.deployment.remove(await kinds.deployment.create())
    const rows = await sql`select status from deployment_events where deployment_id = ${uuid} order by sequence`
    return [rows.length, rows.at(-1)?.['status']]
  }
  expect(await left()).toEqual([401, 'DELETING'])
  expect(await left()).toEqual([0, undefined])
})
