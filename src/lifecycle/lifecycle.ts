import { eq, sql } from 'drizzle-orm'
import type { Db, Tx } from '../postgres/client.ts'
import { withoutPaths } from '../sandbox/without-paths.ts'
import type { LoggedRow } from './event-log.ts'
import type { StatusLog } from './status-log.ts'
import type { WorkedTable } from './worked-table.ts'
import { changeWorkspace } from './workspace-lock.ts'

/** A row that jobs move from status to status: a deployment, a custom model, a test set or an evaluation. */
export interface WorkedRow extends LoggedRow {
  failure: object | null
  attempt: number
  run: number
  failedTries: number
  heldBy: string | null
  deadRuns: number[]
}

export interface WorkedChange<Row extends WorkedRow> {
  status: Row['status']
  message: string
  stage?: Row['stage']
  /** The progress of the whole work, 0 to 1; unchanged when omitted. */
  progress?: number
  failure?: NonNullable<Row['failure']>
}

/** The claim of one worker on one row. A change with the claim applies only while all numbers equal those of the row. */
export type ClaimOn<Key extends string> = Record<Key, string> & {
  workspaceId: string
  attempt: number
  /** Omitted for changes that concern the whole attempt, such as its deadline. */
  run?: number
  /** Set when the change depends on the row as it was read: another change in between voids the claim. */
  sequence?: number
  /** Set for changes that concern one try. */
  failedTries?: number
}

const compared = ['workspaceId', 'attempt', 'run', 'sequence', 'failedTries'] as const

interface LifecycleParts<Key extends string, Row extends WorkedRow, Change extends WorkedChange<Row>> {
  table: WorkedTable
  log: StatusLog<Row>
  /** The name of the row's id in claims. */
  key: Key
  moves: Record<Row['status'], readonly Row['status'][]>
  /** The columns that a change of this kind of row sets. */
  toValues(change: Change, before: Row): object
}

export type Lifecycle<Key extends string, Row extends WorkedRow, Change extends WorkedChange<Row>> = ReturnType<typeof createLifecycle<Key, Row, Change>>

/** Removes file paths from the texts of a change, which can quote a library or a child process. */
function cleanChange<Change extends WorkedChange<WorkedRow>>(change: Change): Change {
  const clean = (value: unknown) => (typeof value === 'string' ? withoutPaths(value) : value)
  const failure = change.failure && Object.fromEntries(Object.entries(change.failure).map(([name, value]) => [name, clean(value)]))
  return { ...change, message: withoutPaths(change.message), ...(failure && { failure }) }
}

/** Moves rows of one kind from status to status: only by allowed moves, and always with an event. */
export function createLifecycle<Key extends string, Row extends WorkedRow, Change extends WorkedChange<Row>>(parts: LifecycleParts<Key, Row, Change>) {
  const { table, log, key, moves, toValues } = parts
  const mayMove = (from: Row['status'], to: Row['status']) => moves[from].includes(to)

  /** The row; undefined when the claim is void. The workspace must be locked. */
  async function findClaimed(tx: Tx, claim: ClaimOn<Key>): Promise<Row | undefined> {
    const [found] = await tx.select().from(table).where(eq(table.id, claim[key])).for('update')
    const row = found as Row | undefined
    return compared.every((name) => claim[name] === undefined || claim[name] === row?.[name]) ? row : undefined
  }

  /** Moves a row to another status. The caller has locked the workspace and checked `mayMove`. */
  async function applyChange(tx: Tx, before: Row, wanted: Change, more: Partial<Row> = {}): Promise<Row> {
    const change = cleanChange(wanted)
    const values = {
      status: change.status,
      ...toValues(change, before),
      ...more,
      stage: change.stage ?? null,
      progress: change.progress ?? before.progress,
      failure: change.failure ?? null,
      sequence: before.sequence + 1,
      updatedAt: sql`clock_timestamp()`,
      completedAt: log.isTerminal(change.status) ? sql`clock_timestamp()` : null,
    }
    const [updated] = await tx
      .update(table)
      .set(values as never)
      .where(eq(table.id, before.id))
      .returning()
    if (!updated) throw new Error(`A locked ${log.name} was not found.`)
    const after = updated as unknown as Row
    await log.record(tx, after, before.status, change.message)
    return after
  }

  return {
    isTerminal: log.isTerminal as (status: string) => boolean,
    mayMove,
    findClaimed,
    applyChange,

    /**
     * Changes a row for a job: row, event and notification in one transaction. Returns undefined, and changes nothing,
     * when the row is deleted, cannot move to the status (because it was canceled, for example), has begun another
     * attempt, or is claimed by another worker.
     */
    recordChange(db: Db, claim: ClaimOn<Key>, change: Change, also?: (tx: Tx, row: Row) => Promise<unknown>): Promise<Row | undefined> {
      return changeWorkspace(db, claim.workspaceId, async (tx) => {
        const before = await findClaimed(tx, claim)
        if (!before || !mayMove(before.status, change.status)) return undefined
        const after = await applyChange(tx, before, change)
        await also?.(tx, after)
        return after
      })
    },

    /** Records the last event of the row, then deletes the row, and returns it. The log is kept for a while, for its subscribers. */
    async remove(tx: Tx, row: Row, change: Change): Promise<void> {
      await applyChange(tx, row, change)
      await tx.delete(table).where(eq(table.id, row.id))
      await log.forgetRemoved(tx, row.workspaceId)
    },
  }
}
