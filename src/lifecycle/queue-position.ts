import DataLoader from 'dataloader'
import { and, eq, inArray, lt, or, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Tx } from '../postgres/client.ts'
import { deployments, type Stage } from '../postgres/deployment-tables.ts'
import type { Store } from '../postgres/store.ts'
import { type ModelKind, type ModelStage, models } from '../postgres/tables.ts'
import { toWorkedTable, type WorkedTable } from './worked-table.ts'

/** How long a row may take from its creation to its end. */
export interface Deadlines {
  limits: { deadlineSeconds: number }
}

/** Those who wait for the same workers. */
export interface JobQueue {
  table: WorkedTable
  /** The status of what a worker is at. */
  atWork: 'PROVISIONING' | 'BUILDING'
  /** Where work is said to have ended that ended before its first stage. */
  firstStage: Stage | ModelStage
  /** The column that tells apart who waits for which workers, where there are several kinds. */
  kind?: 'kind'
}

export const deploymentQueue: JobQueue = { table: toWorkedTable(deployments), atWork: 'PROVISIONING', firstStage: 'RESOLVING' }
export const modelQueue: JobQueue = { table: toWorkedTable(models), atWork: 'BUILDING', firstStage: 'CHECKING', kind: 'kind' }

/** True in SQL for what waits or is worked on. Written out, since a partial index is for it. */
export const isUnfinished = (line: JobQueue) => sql`${line.table.status} in ('QUEUED', ${sql.raw(`'${line.atWork}'`)})`

/**
 * A place among everything that waits, and the moment by which it must be over. First come first served
 * within a workspace, in turn between workspaces: one more turn than the workspace's last, but never
 * behind the backlog of others (start-time fair queueing: Goyal, Vin, Cheng, 1996).
 */
export async function takeQueuePosition(tx: Tx, line: JobQueue, { limits }: Deadlines, newcomer: { workspaceId: string; kind?: ModelKind }) {
  const { table } = line
  const [present] = await tx
    .select({
      own: sql<number | null>`max(${table.turn}) filter (where ${table.workspaceId} = ${newcomer.workspaceId})`,
      atWork: sql<number | null>`max(${table.turn}) filter (where ${table.status} = ${line.atWork})`,
      first: sql<number | null>`min(${table.turn})`,
    })
    .from(table)
    .where(and(isUnfinished(line), line.kind && eq(table.kind, newcomer.kind ?? 'LANGUAGE')))
  const now = present?.atWork ?? present?.first ?? 0
  return {
    turn: Math.max(now, (present?.own ?? -1) + 1),
    deadlineAt: sql`clock_timestamp() + make_interval(secs => ${limits.deadlineSeconds})` as unknown as Date,
  }
}

export type LoadQueuePosition = (id: string) => Promise<number>

/** How many wait before a row; asked for together for all rows of a list. */
export function createQueuePositionLoader({ store }: { store: Pick<Store, 'db'> }, line: JobQueue): LoadQueuePosition {
  const loader = new DataLoader<string, number>(
    async (ids) => {
      const { table } = line
      const before = alias(table, 'before')
      // Written out, as in isUnfinished: a plan for any status could not use the partial index.
      const isQueued = sql`${before.status} = 'QUEUED'`
      const isBefore = or(lt(before.turn, table.turn), and(eq(before.turn, table.turn), lt(before.id, table.id)))
      const rows = await store.db
        .select({ id: table.id, count: sql<number>`count(${before.id})::int` })
        .from(table)
        .leftJoin(before, and(isQueued, line.kind && eq((before as unknown as WorkedTable).kind, table.kind), isBefore))
        .where(inArray(table.id, [...ids]))
        .groupBy(table.id)
      const found = new Map(rows.map(({ id, count }) => [id, count]))
      return ids.map((id) => found.get(id) ?? 0)
    },
    { cache: false },
  )
  return (id) => loader.load(id)
}
