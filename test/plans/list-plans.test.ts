// A list reads its own workspace alone: the plans of all list statements beside a workspace that has nearly all rows.
import { drizzle } from 'drizzle-orm/pg-proxy'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Context } from '../../src/domain/context.ts'
import { type DeploymentFilter, listDeployments } from '../../src/domain/deployment.ts'
import { deploymentLog } from '../../src/domain/deployment-lifecycle.ts'
import { listDeletedDeployments } from '../../src/domain/deployment-restoration.ts'
import { createTimelineLoaders, listEvents, listModelEvents } from '../../src/domain/event-history.ts'
import { countLocale } from '../../src/domain/locale.ts'
import { modelLog } from '../../src/domain/model-lifecycle.ts'
import type { PageArgs } from '../../src/domain/pagination.ts'
import { createQueuePositionLoader, deploymentQueue } from '../../src/lifecycle/queue-position.ts'
import type { Db } from '../../src/postgres/client.ts'
import { createRevisionsLoader, listRevisions } from '../../src/revisions/revision.ts'
import { listTestSetsAndEvaluations } from '../evaluation/lists.ts'
import { cloneDatabase } from '../support/postgres.ts'
import { boundary, cursor, directions, listEverythingOfModels, listKeysAndUploads, moment, pages } from './lists.ts'
import { fill, tenantTables } from './rows.ts'

const largeRows = 10_000

let database: Awaited<ReturnType<typeof cloneDatabase>>
let sql: postgres.Sql
let small: string
let large: string
let deploymentId: string
let modelId: string

beforeAll(async () => {
  database = await cloneDatabase(inject('postgresUrl'))
  sql = postgres(database.url, { max: 1, onnotice: () => {} })
  for (const table of tenantTables) await sql`alter table ${sql(table)} set (autovacuum_enabled = false)`
  const made = await sql`insert into workspaces (name) values ('Large'), ('Small') returning id`
  large = made[0]?.['id']
  small = made[1]?.['id']
  await sql`insert into models (id, workspace_id, kind, locale, scenario, name, description, licence, files)
    select uuidv7(), null, kind, 'en-US', 'CONVERSATIONAL', 'Base', '', 'MIT', '[]' from unnest(enum_range(null::model_kind)) kind`
  await sql`insert into deployment_counts select uuidv7(), 'en-US', 'COMPLETE', 1 from generate_series(1, ${largeRows}::int)`
  await fill(sql, large, largeRows)
  await fill(sql, small, 3)
  deploymentId = (await sql`select id from deployments where workspace_id = ${small} limit 1`)[0]?.['id']
  boundary.id = deploymentId
  modelId = (await sql`select id from models where workspace_id = ${small} limit 1`)[0]?.['id']
}, 120_000)
afterAll(async () => {
  await sql.end()
  await database.drop()
})

interface Statement {
  text: string
  params: unknown[]
}

/** The statements that are sent while `run` runs in the small workspace. */
async function record(run: (ctx: Context) => Promise<unknown>): Promise<Statement[]> {
  const statements: Statement[] = []
  const remote = drizzle(async (text, params) => {
    statements.push({ text, params })
    return { rows: [] }
  })
  const db = Object.assign(remote, { transaction: (inside: (tx: unknown) => unknown) => inside(db) }) as unknown as Db
  const ctx = { store: { db, longDb: db }, viewer: { workspaceId: small } } as Context
  await run(ctx)
  expect(statements).not.toEqual([])
  return statements.filter(({ text }) => !text.includes('set_config'))
}

type Plan = Record<string, any>

const findNodes = (plan: Plan): Plan[] => [plan, ...(plan['Plans'] ?? []).flatMap(findNodes)]

/** True for a range of an index, or a combination of ranges, that contains rows of the workspace alone. */
function isBounded(node: Plan): boolean {
  const { 'Node Type': type, 'Index Name': index, 'Index Cond': condition = '', Plans: parts = [] } = node
  // The plan of a subquery in the columns is judged on its own.
  if (type === 'Bitmap Heap Scan' || type === 'BitmapOr') return parts.filter((part: Plan) => part['Parent Relationship'] !== 'SubPlan').every(isBounded)
  if (type === 'BitmapAnd') return parts.some(isBounded)
  // The queue is common to all workspaces; its partial indexes contain only what waits or is at work.
  return /_unfinished$|^deployments_turn$/.test(index ?? '') || /\b(workspace_id|deployment_id|model_id|id) = |workspace_id IS NULL/.test(condition)
}

/** The scans of a plan that read rows of other workspaces. */
const findStrayScans = (plan: Plan): string[] =>
  findNodes(plan)
    .filter((node) => tenantTables.includes(node['Relation Name']) && !isBounded(node))
    .map((node) => `${node['Node Type']} ${node['Index Name'] ?? node['Relation Name']} where ${node['Filter'] ?? node['Index Cond']}`)

const planOf = (rows: readonly Record<string, any>[]): Plan => rows[0]?.['QUERY PLAN'][0].Plan

/** The plan that Postgres makes from the sixth use of a statement on, and the one that it makes for these values. */
async function explain({ text, params }: Statement): Promise<Plan[]> {
  const generic = await sql.unsafe(`explain (generic_plan, format json) ${text}`).simple()
  const custom = await sql.unsafe(`explain (format json) ${text}`, params as never[])
  return [planOf(generic), planOf(custom)]
}

async function findStrays(run: (ctx: Context) => Promise<unknown>): Promise<string[]> {
  const found: string[] = []
  for (const statement of await record(run)) {
    for (const plan of await explain(statement)) found.push(...findStrayScans(plan).map((scan) => `${scan}\n${statement.text}`))
  }
  return found
}

/** A first page and a later one, forward and backward. */

const deploymentFilters = (): DeploymentFilter[] => [
  {},
  { locale: 'en-US' },
  { statuses: ['QUEUED'] },
  { statuses: ['QUEUED', 'FAILED'] },
  { locale: 'en-US', statuses: ['COMPLETE'] },
  { modelId },
  { text: 'row 2' },
  { text: 'r' },
  { locale: 'en-US', statuses: ['COMPLETE', 'FAILED'], modelId, text: 'row' },
]
const deploymentOrders = { CREATED_AT: [], NAME: ['Row 2'], STATUS: ['COMPLETE'], UPDATED_AT: [moment] } as const

async function listEverythingOfDeployments(ctx: Context) {
  for (const where of deploymentFilters()) {
    for (const [field, keys] of Object.entries(deploymentOrders) as [keyof typeof deploymentOrders, readonly string[]][]) {
      for (const direction of directions) {
        for (const args of pages(...keys)) await listDeployments(ctx, { ...args, where, orderBy: { field, direction } })
      }
    }
    const page = await listDeployments(ctx, { where })
    if ('statusCounts' in page) await page.statusCounts()
  }
  for (const locale of [null, 'en-US']) {
    for (const args of pages(moment)) {
      const page = await listDeletedDeployments(ctx, { ...args, locale })
      if ('totalCount' in page) await page.totalCount()
    }
  }
  for (const args of pages('5')) {
    const page = await listRevisions({ ...ctx, loadRevisions: createRevisionsLoader(ctx) }, { id: deploymentId, lastRevision: 5, revision: 5 } as never, args)
    if ('totalCount' in page) await page.totalCount()
  }
  await createQueuePositionLoader(ctx, deploymentQueue)(deploymentId)
  await countLocale(ctx, { code: 'en-US', name: '', nativeName: '' }, 'deployments')
}

async function readLogs(ctx: Context) {
  await readLogsOfRows(ctx)
  for (const log of [deploymentLog, modelLog]) {
    for (const order of ['oldest', 'newest'] as const) await log.selectMany(ctx.store.db, [{ workspaceId: small, after: 3 }], order, 200)
    await log.findRemoval(ctx.store.db, { workspaceId: small, id: log === deploymentLog ? deploymentId : modelId })
  }
}

async function readLogsOfRows(ctx: Context) {
  const reading = { ...ctx, timelines: createTimelineLoaders(ctx) }
  const sequences: PageArgs[] = [{ first: 20 }, { last: 20 }, { first: 20, after: cursor('5') }, { last: 20, before: cursor('5') }]
  for (const args of sequences) {
    await listEvents(reading, { id: deploymentId, workspaceId: small } as never, args)
    await listModelEvents(reading, { id: modelId, workspaceId: small } as never, args)
  }
  for (const [log, id] of [
    [deploymentLog, deploymentId],
    [modelLog, modelId],
  ] as const) {
    for (const order of ['oldest', 'newest'] as const) {
      await log.selectMany(ctx.store.db, [{ workspaceId: small, id, after: 3 }], order, 200)
    }
  }
}

const everything = {
  deployments: listEverythingOfDeployments,
  models: listEverythingOfModels,
  'keys and uploads': listKeysAndUploads,
  'test sets and evaluations': (ctx: Context) => listTestSetsAndEvaluations(ctx, pages(), deploymentId),
  events: readLogs,
}

describe.each(['without statistics', 'with statistics'])('%s', (statistics) => {
  beforeAll(async () => {
    if (statistics === 'with statistics') await sql`analyze`
  })

  test.each(Object.entries(everything))('the statements for %s read an index range of the workspace', async (_, run) => {
    expect(await findStrays(run)).toEqual([])
  })
})

test('the statements for the log of one row read the index range of the row', async () => {
  const strays: string[] = []
  for (const statement of await record(readLogsOfRows)) {
    for (const plan of await explain(statement)) {
      for (const { 'Node Type': type, 'Index Name': index, 'Index Cond': condition } of findNodes(plan))
        if (index?.includes('_events') && !/\b(deployment_id|model_id) = /.test(condition)) strays.push(`${type} ${index} where ${condition}`)
    }
  }
  expect(strays).toEqual([])
})

test('without the setting of n_distinct, a list would read the rows of every workspace', async () => {
  await sql`alter table deployments alter column workspace_id reset (n_distinct)`
  await sql`analyze deployments`
  const strays = await findStrays((ctx) => listDeployments(ctx, {}))
  expect(strays.join()).toContain('deployments_pkey where (workspace_id = ')
})
