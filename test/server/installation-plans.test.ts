// Statements about the whole installation read few rows, however many it has: the start of a speech process, and /metrics.
import { drizzle } from 'drizzle-orm/pg-proxy'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { findModelsInUse } from '../../src/domain/endpoint.ts'
import { openLog } from '../../src/log.ts'
import { addDatabaseMetrics } from '../../src/metrics/store-metrics.ts'
import { type DatabaseClient, type Db, openClient } from '../../src/postgres/client.ts'
import { readQueueFigures } from '../../src/postgres/queue-figures.ts'
import { cloneDatabase } from '../support/postgres.ts'

const rows = 20_000

let database: Awaited<ReturnType<typeof cloneDatabase>>
let sql: postgres.Sql
let client: DatabaseClient
beforeAll(async () => {
  database = await cloneDatabase(inject('postgresUrl'))
  sql = postgres(database.url, { max: 1, onnotice: () => {} })
  client = openClient(database.url, openLog('silent'))
  const [workspace] = await sql`insert into workspaces (name) values ('Large') returning id`
  await sql`insert into models (id, workspace_id, kind, locale, scenario, name, description, licence, files)
    select uuidv7(), null, kind, 'en-US', 'CONVERSATIONAL', 'Base ' || n, '', 'MIT', '[]' from unnest(enum_range(null::model_kind)) kind, generate_series(1, 3) n`
  // The newest deployment of each pair, the one of `Base 1` first; all others are older.
  await sql`insert into deployments (workspace_id, name, description, locale, acoustic_model_id, language_model_id, status, completed_at)
    select ${workspace?.['id']}, 'Row ' || n, '', 'en-US', acoustic.id, language.id, 'COMPLETE', now() - make_interval(secs => n)
    from generate_series(1, ${rows}::int) n
    join models acoustic on acoustic.kind = 'ACOUSTIC' and acoustic.name = 'Base ' || (1 + (n - 1) % 3)
    join models language on language.kind = 'LANGUAGE' and language.name = acoustic.name`
  await sql`select pgboss.create_queue('figures', '{"policy": "standard"}')`
  await sql`insert into pgboss.job (name, state, created_on, start_after)
    select 'figures', (case when n > 5 then 'completed' when n > 3 then 'active' else 'created' end)::pgboss.job_state, now(), now() - interval '60 s'
    from generate_series(1, ${rows}::int) n`
  await sql`analyze`
}, 120_000)
afterAll(async () => {
  await client.close()
  await sql.end()
  await database.drop()
})

/** Runs the statement that `run` sends, and returns each scan of deployments or jobs with the rows that it read. */
async function findScans(run: (db: Db) => Promise<unknown>): Promise<{ index: string; read: number }[]> {
  const statements: { text: string; params: unknown[] }[] = []
  const remote = drizzle(async (text, params) => {
    statements.push({ text, params })
    return { rows: [] }
  })
  await run(remote as unknown as Db).catch(() => {})
  const [statement] = statements
  const [plan] = await sql.unsafe(`explain (analyze, format json) ${statement?.text}`, statement?.params as never[])
  const nodes = (node: any): any[] => [node, ...(node.Plans ?? []).flatMap(nodes)]
  return nodes(plan?.['QUERY PLAN'][0].Plan)
    .filter((node) => /Scan/.test(node['Node Type']) && /^(deployments|job)/.test(node['Relation Name'] ?? node['Index Name'] ?? ''))
    .map((node) => ({
      index: node['Index Name'] ?? 'none',
      read: (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'],
    }))
}

test('the pairs of models that are in use are found from the newest thousand deployments', async () => {
  const store = client as never
  const names = async (options: { limit: number; withinSeconds?: number }) =>
    (await findModelsInUse({ store }, options)).map(({ acousticModel, languageModel }) => `${acousticModel.name}, ${languageModel.name}`).sort()
  expect(await names({ limit: 2 })).toEqual(['Base 1, Base 1', 'Base 2, Base 2'])
  expect(await names({ limit: 20 })).toHaveLength(3)
  expect(await names({ limit: 20, withinSeconds: 0 })).toEqual([])

  const scans = await findScans((db) => findModelsInUse({ store: { longDb: db } as never }, { limit: 4 }))
  expect(scans).not.toEqual([])
  for (const { index, read } of scans) expect([index, read <= 1000]).toEqual([expect.stringMatching(/^deployments_/), true])
})

test('the figures of the queue are read from the index of the jobs that wait or run', async () => {
  expect(await readQueueFigures(client.longDb, ['figures', 'none'])).toEqual([
    { name: 'figures', waiting: 3, running: 2, oldestSeconds: expect.any(Number) },
    { name: 'none', waiting: 0, running: 0, oldestSeconds: 0 },
  ])
  const scans = await findScans((db) => readQueueFigures(db, ['figures']))
  expect(scans.length).toBeGreaterThan(0)
  for (const { index, read } of scans) expect([index, read <= 10]).toEqual([expect.stringMatching(/i14/), true])
})

test('/metrics reads the figures of the installation on the connections for long statements', async () => {
  const read: Promise<unknown>[] = []
  const metrics = { gauge: (_: string, __: string, ___: string[], figures: () => Promise<unknown>) => read.push(figures()) }
  addDatabaseMetrics(metrics as never, { longDb: client.longDb })
  const figures = await Promise.all(read)
  expect(figures[0]).toContainEqual([{ status: 'COMPLETE' }, rows])
})
