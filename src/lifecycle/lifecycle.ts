import { eq, sql } from 'drizzle-orm'
import type { Db, Tx } from '../postgres/client.ts'
import { withoutPaths } from '../sandbox/without-paths.ts'
import type { EventLog, LoggedEvent, LoggedRow } from './event-log.ts'
import type { WorkedTable } from './worked-table.ts'
import { changeWorkspace } from './workspace-lock.ts'

/** What jobs bring from status to status: a deployment or a custom model. */
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
  /** Of the whole work, 0 to 1; left out, it stays as it is. */
  progress?: number
  failure?: NonNullable<Row['failure']>
}

/** One worker's hold on one row; whatever it does counts only while all numbers are still the row's. */
export type ClaimOn<Key extends string> = Record<Key, string> & {
  workspaceId: string
  attempt: number
  /** Left out by those who speak for the attempt as a whole, such as its deadline. */
  run?: number
  /** Given by those who decided on what they had read: then nothing may have changed since. */
  sequence?: number
  /** Given by those who speak for one try. */
  failedTries?: number
}

const compared = ['workspaceId', 'attempt', 'run', 'sequence', 'failedTries'] as const

interface LifecycleParts<Key extends string, Row extends WorkedRow, Change extends WorkedChange<Row>> {
  table: WorkedTable
  log: EventLog<Row, LoggedEvent>
  /** What the row's id is called in claims. */
  key: Key
  moves: Record<Row['status'], readonly Row['status'][]>
  /** What a change sets beyond what every change does. */
  toValues(change: Change, before: Row): object
}

export type Lifecycle<Key extends string, Row extends WorkedRow, Change extends WorkedChange<Row>> = ReturnType<typeof createLifecycle<Key, Row, Change>>

/** The texts of a change may quote those of a library or of a child process, which name files of this machine. */
function cleanChange<Change extends WorkedChange<WorkedRow>>(change: Change): Change {
  const clean = (value: unknown) => (typeof value === 'string' ? withoutPaths(value) : value)
  const failure = change.failure && Object.fromEntries(Object.entries(change.failure).map(([name, value]) => [name, clean(value)]))
  return { ...change, message: withoutPaths(change.message), ...(failure && { failure }) }
}

/** How rows of one kind move from status to status: by one of the allowed moves, and never without an event. */
export function createLifecycle<Key extends string, Row extends WorkedRow, Change extends WorkedChange<Row>>(parts: LifecycleParts<Key, Row, Change>) {
  const { table, log, key, moves, toValues } = parts
  const mayMove = (from: Row['status'], to: Row['status']) => moves[from].includes(to)

  /** The row, while the claim on it still holds. The workspace must be locked. */
  async function findClaimed(tx: Tx, claim: ClaimOn<Key>): Promise<Row | undefined> {
    const [found] = await tx.select().from(table).where(eq(table.id, claim[key])).for('update')
    const row = found as Row | undefined
    return compared.every((name) => claim[name] === undefined || claim[name] === row?.[name]) ? row : undefined
  }

  /** Moves a row to another status; whoever calls it has locked the workspace and asked `mayMove`. */
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
    if (!updated) throw new Error(`a locked ${log.name} has vanished`)
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
     * A job's way to change a row: row, event and notice in one transaction. Answers undefined, and changes
     * nothing, when the row is gone, may not move there any more (as when it was canceled while its job was
     * at work), has begun another attempt, or is in another worker's hands.
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

    /** Tells of the row's end, then removes it. Its log stays for a while, for those who watch it. */
    async remove(tx: Tx, row: Row, change: Change): Promise<void> {
      await applyChange(tx, row, change)
      await tx.delete(table).where(eq(table.id, row.id))
      await log.forgetRemoved(tx, row.workspaceId)
    },
  }
}
