// The counters of deployments: equal to the rows after every change, and corrected after changes without the triggers.
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { correctDeploymentCounts } from '../../src/lifecycle/deployment-counts.ts'
import { openClient } from '../../src/postgres/client.ts'
import { databaseUrl } from '../support/postgres.ts'
import { silentLog } from '../support/recognizers.ts'
import { openTestService, type Service } from '../support/service.ts'

let api: Service
let sql: postgres.Sql
beforeAll(async () => {
  api = await openTestService({ ROLES: 'api' })
  sql = postgres(api.databaseUrl, { max: 8, onnotice: () => {} })
})
afterAll(async () => {
  await sql.end()
  await api.close()
})

const readDifferences = () => sql`
  select * from (select workspace_id, locale, status, count(*)::int as count from deployments group by 1, 2, 3) as actual
  full join (select * from deployment_counts where count <> 0) as counted using (workspace_id, locale, status)
  where actual.count is distinct from counted.count`

async function openWorkspace(name: string) {
  const { data } = await api.ask(`mutation { createWorkspace(input: { name: "${name}" }) { ... on CreateWorkspaceSuccess { secret } } }`)
  return api.as(data?.createWorkspace.secret)
}

const countQuery = `query ($where: DeploymentFilter) {
  deployments(first: 1, where: $where) { totalCount statusCounts { status count } }
  locales { code deploymentCount }
  viewer { limits { deployments { used } } }
}`

describe('while deployments change', () => {
  test('concurrent creations, cancellations, retries and deletions in several workspaces leave counters equal to the rows', async () => {
    const workspaces = await Promise.all(['One', 'Two', 'Three'].map(openWorkspace))
    await Promise.all(
      workspaces.flatMap((workspace, at) =>
        Array.from({ length: 8 }, async (_, n) => {
          const { deployment } = await workspace.create({ ...(await workspace.sampleInput()), name: `Deployment ${n}` })
          if (n % 2) await workspace.act('cancelDeployment', deployment.id)
          if (n % 4 === 1) await workspace.act('retryDeployment', deployment.id)
          if (n % 4 === at) await workspace.act('deleteDeployment', deployment.id)
        }),
      ),
    )
    expect(await readDifferences()).toEqual([])
    for (const workspace of workspaces) {
      const { data } = await workspace.ask(countQuery)
      expect(data?.deployments.totalCount).toBe(6)
      expect(data?.viewer.limits.deployments.used).toBe(6)
      expect(data?.locales.find(({ code }: { code: string }) => code === 'en-US').deploymentCount).toBe(6)
      const canceled = await workspace.ask(countQuery, { where: { statuses: ['CANCELED'], locale: 'en-US' } })
      const counts = canceled.data?.deployments.statusCounts as { status: string; count: number }[]
      expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(6)
      expect(canceled.data?.deployments.totalCount).toBe(counts.find(({ status }) => status === 'CANCELED')?.count)
      await workspace.dispose()
    }
  })

  test('statements of many rows that take no lock, on many workspaces at once, end without a deadlock', async () => {
    const owners = await sql`insert into workspaces (name) select 'Bulk ' || n from generate_series(1, 5) n returning id`
    const ids = owners.map(({ id }) => id)
    const [model] = await sql`select id from models limit 1`
    const insert = (n: number) => sql`insert into deployments (workspace_id, name, description, locale, acoustic_model_id, language_model_id, status)
      select id, ${`Bulk ${n} `} || part, '', case part % 2 when 0 then 'de-DE' else 'en-US' end, ${model?.['id']}, ${model?.['id']}, 'QUEUED'
      from unnest(${ids}::uuid[]) id, generate_series(1, 10) part order by random()`
    await Promise.all(Array.from({ length: 8 }, (_, n) => insert(n)))
    const move = (n: number) =>
      sql`update deployments set status = case when random() < 0.5 then 'FAILED' else 'COMPLETE' end::deployment_status where name like ${`Bulk ${n} %`}`
    await Promise.all(Array.from({ length: 8 }, (_, n) => move(n)))
    await Promise.all([0, 1, 2, 3].map((n) => sql`delete from deployments where name like ${`Bulk ${n} %`}`))
    expect(await readDifferences()).toEqual([])
    const [{ count } = {}] = await sql`select sum(count)::int as count from deployment_counts where workspace_id = any(${ids}::uuid[])`
    expect(count).toBe(200)
    await sql`delete from workspaces where id = any(${ids}::uuid[])`
    expect(await readDifferences()).toEqual([])
  })
})

test('the hourly job corrects wrong counters and logs each; right ones it leaves', async () => {
  const workspace = await openWorkspace('Corrected')
  await workspace.create()
  const [{ id } = {}] = await sql`select id from workspaces where name = 'Corrected'`
  await sql`update deployment_counts set count = 7 where workspace_id = ${id}`
  await sql`insert into deployment_counts values (${id}, 'fr-FR', 'FAILED', 2), (uuidv7(), 'en-US', 'COMPLETE', 1)`
  const client = openClient(api.databaseUrl, silentLog)
  const warnings: object[] = []
  const log = { warn: (warning: object) => warnings.push(warning) } as never
  await correctDeploymentCounts(client.longDb, log)
  expect(warnings).toHaveLength(2)
  expect(warnings).toContainEqual({ workspaceId: id, locale: 'en-US', status: 'QUEUED', counted: 7, actual: 1 })
  expect(warnings).toContainEqual({ workspaceId: id, locale: 'fr-FR', status: 'FAILED', counted: 2, actual: 0 })
  expect(await readDifferences()).toEqual([])
  await correctDeploymentCounts(client.longDb, log)
  expect(warnings).toHaveLength(2)
  await client.close()
  await workspace.dispose()
})

test('an upgrade counts the deployments of before, and makes them searchable', async () => {
  const server = postgres(inject('postgresUrl'), { max: 1 })
  const name = `upgrade_${crypto.randomUUID().replaceAll('-', '')}`
  await server`create database ${server(name)}`
  const old = postgres(databaseUrl(inject('postgresUrl'), name), { max: 1, onnotice: () => {} })
  const folder = resolve(import.meta.dirname, '../../drizzle')
  const migrations = (await readdir(folder)).sort()
  const here = migrations.findIndex((entry) => entry.endsWith('_counters'))
  const run = async (entry: string) => {
    for (const statement of (await readFile(join(folder, entry, 'migration.sql'), 'utf8')).split('--> statement-breakpoint')) await old.unsafe(statement)
  }
  for (const entry of migrations.slice(0, here)) await run(entry)
  await old`insert into workspaces (name) values ('One'), ('Two')`
  await old`insert into models (id, kind, locale, scenario, name, description, licence, files) values (gen_random_uuid(), 'ACOUSTIC', 'en-US', 'CONVERSATIONAL', 'm', '', 'MIT', '[]')`
  await old`insert into deployments (workspace_id, name, description, locale, acoustic_model_id, language_model_id, status)
    select w.id, 'Front  Desk ' || n, '', 'en-US', m.id, m.id, (array['COMPLETE', 'FAILED'])[1 + n % 2]::deployment_status from workspaces w, models m, generate_series(1, 3) n`
  await run(migrations[here] ?? '')
  const counts = await old`select w.name, c.status, c.count from deployment_counts c join workspaces w on w.id = c.workspace_id order by 1, 2`
  expect(counts.map(({ name, status, count }) => [name, status, count])).toEqual([
    ['One', 'COMPLETE', 1],
    ['One', 'FAILED', 2],
    ['Two', 'COMPLETE', 1],
    ['Two', 'FAILED', 2],
  ])
  expect((await old`select count(*)::int as count from deployments where search_key like 'front desk%'`)[0]?.['count']).toBe(6)
  await old.end()
  await server`drop database ${server(name)} with (force)`
  await server.end()
})
