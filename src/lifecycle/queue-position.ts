import { randomUUID } from 'node:crypto'
import DataLoader from 'dataloader'
import { and, eq, getTableName, sql } from 'drizzle-orm'
import { isAnyOf } from '../postgres/columns.ts'
import { deploymentRevisions, deployments, type Stage } from '../postgres/deployment-tables.ts'
import { type EvaluationStage, evaluations, type TestSetStage, testSets } from '../postgres/evaluation/evaluation-tables.ts'
import type { Store } from '../postgres/store.ts'
import { type ModelKind, type ModelStage, models } from '../postgres/tables.ts'
import { toWorkedTable, type WorkedTable } from './worked-table.ts'

/** The maximum time from the request to a terminal status. */
export interface Deadlines {
  limits: { deadlineSeconds: number }
}

/** The rows that wait for the same workers. */
export interface JobQueue {
  table: WorkedTable
  /** The status of a row that a worker has claimed. */
  atWork: 'PROVISIONING' | 'BUILDING' | 'IMPORTING' | 'RUNNING'
  /** The stage of a failure before the first stage. */
  firstStage: Stage | ModelStage | TestSetStage | EvaluationStage
  /** The column with the kind of the row, when each kind has separate workers. */
  kind?: 'kind'
}

export const deploymentQueue: JobQueue = { table: toWorkedTable(deployments), atWork: 'PROVISIONING', firstStage: 'RESOLVING' }
export const revisionQueue: JobQueue = { table: toWorkedTable(deploymentRevisions), atWork: 'PROVISIONING', firstStage: 'RESOLVING' }
export const modelQueue: JobQueue = { table: toWorkedTable(models), atWork: 'BUILDING', firstStage: 'CHECKING', kind: 'kind' }
export const testSetQueue: JobQueue = { table: toWorkedTable(testSets), atWork: 'IMPORTING', firstStage: 'READING' }
export const evaluationQueue: JobQueue = { table: toWorkedTable(evaluations), atWork: 'RUNNING', firstStage: 'FETCHING' }

/** The SQL condition that a row is queued or in work. A literal, since a partial index has this condition. */
export const isUnfinished = (queue: JobQueue) => sql`${queue.table.status} in ('QUEUED', ${sql.raw(`'${queue.atWork}'`)})`

/**
 * The columns of a new row: its queue rank, its deadline and the id of its job. The order is first in, first out within
 * a workspace, and round-robin between workspaces: the rank is one more than the last of the workspace, but at least the
 * rank of the rows in work (start-time fair queueing: Goyal, Vin, Cheng, 1996). The statement that stores the row
 * computes the rank.
 */
export function newQueuePosition(queue: JobQueue, { limits }: Deadlines, newcomer: { workspaceId: string; kind?: ModelKind }) {
  const { table } = queue
  const own = sql`max(${table.queueRank}) filter (where ${table.workspaceId} = ${newcomer.workspaceId})`
  const atWork = sql`max(${table.queueRank}) filter (where ${table.status} = ${queue.atWork})`
  const present = and(isUnfinished(queue), queue.kind && eq(table.kind, newcomer.kind ?? 'LANGUAGE'))
  const rank = sql`(select greatest(coalesce(${atWork}, min(${table.queueRank}), 0), coalesce(${own}, -1) + 1) from ${table} where ${present})`
  return {
    queueRank: rank as unknown as number,
    deadlineAt: sql`clock_timestamp() + make_interval(secs => ${limits.deadlineSeconds})` as unknown as Date,
    jobId: randomUUID() as string,
  }
}

export type LoadQueuePosition = (id: string) => Promise<number>

/** Loads the number of rows that wait before a row. One statement reads the numbers for all rows of a list. */
export function createQueuePositionLoader({ store }: { store: Pick<Store, 'db'> }, queue: JobQueue): LoadQueuePosition {
  const loader = new DataLoader<string, number>(
    async (ids) => {
      const { table, kind } = queue
      const row = sql.identifier(getTableName(table))
      // A range of the partial index of unfinished rows, for each id. The status is a literal, as in isUnfinished.
      const isBefore = sql`before.status = 'QUEUED' and (before.turn, before.id) < (${row}.turn, ${row}.id)`
      const isOfKind = kind ? sql` and before.kind = ${row}.kind` : sql``
      const count = sql<number>`(select count(*)::int from ${row} as before where ${isBefore}${isOfKind})`
      const rows = await store.db.select({ id: table.id, count }).from(table).where(isAnyOf(table.id, ids))
      const found = new Map(rows.map(({ id, count }) => [id, count]))
      return ids.map((id) => found.get(id) ?? 0)
    },
    { cache: false },
  )
  return (id) => loader.load(id)
}
