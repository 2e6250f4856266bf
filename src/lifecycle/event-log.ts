import { and, asc, desc, eq, getColumns, gt, lt, lte, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Db, Tx } from '../postgres/client.ts'
import { isAnyOf } from '../postgres/columns.ts'
import type { deploymentEvents } from '../postgres/deployment-tables.ts'
import { notification } from '../postgres/notification.ts'
import { type modelEvents, workspaces } from '../postgres/tables.ts'
import { noteStatusChange, type StatusChange } from './status-changes.ts'

/** The fields that all events have. */
export interface LoggedEvent {
  workspaceId: string
  /** The number among all events of the workspace in this log, without gaps, in the order of the commits. */
  position: number
  /** The number among the events of the same row. */
  sequence: number
  status: string
  /** The revision in work or on trial after the event, in the log of deployments. */
  pendingRevision?: number | null | undefined
}

/** The row of an event, after the change. */
export interface LoggedRow {
  id: string
  workspaceId: string
  status: string
  stage: string | null
  progress: number
  sequence: number
  updatedAt: Date
  failure?: object | null
}

/** The events of one row, or of all rows of a workspace. */
export interface EventScope {
  workspaceId: string
  id?: string | undefined
}

/** The position after which a log is read. */
export interface ReadPosition extends EventScope {
  after: number
}

export type EventLogName = 'deployment' | 'model'

interface EventLogParts<Row extends LoggedRow> {
  /** The kind of the rows. */
  name: EventLogName
  table: typeof deploymentEvents | typeof modelEvents
  /** The column with the id of the row. */
  key: 'deploymentId' | 'modelId'
  /** The column of the workspace that numbers the events. */
  position: 'position' | 'modelPosition'
  /** True when a row with this status changes only on request. */
  isTerminal(status: Row['status']): boolean
  /** The columns of the event that only this log has. */
  toFacts(row: Row): object
}

/** The columns of an event that differ from those of its row, and further topics that it notifies. */
export interface EventDetails {
  facts?: object
  topics?: readonly string[]
}

export type EventLog<Row extends LoggedRow = LoggedRow, Event extends LoggedEvent = LoggedEvent> = ReturnType<typeof createEventLog<Row, Event>>

/** The topics that notify the subscribers of one row and of all rows of a workspace. */
export const rowTopic = (name: StatusChange['kind'], id: string) => `${name}:${id}`
export const workspaceTopic = (name: EventLogName, workspaceId: string) => `${name}s:${workspaceId}`
/** The topic that notifies of rows in all workspaces that reach a terminal status. */
export const statusTopic = (name: EventLogName, status: string) => `${name}s:${status}`

/** The days for which the log of a deleted row is kept, so that its subscribers receive the last event. */
export const tombstoneDays = 7
/** The maximum number of logs of deleted rows in a workspace. The oldest are removed first. */
export const maxTombstones = 1000
/** The maximum number of logs that one statement removes, so that deletions stay short. */
const maxLogsPerStatement = 50
/** The maximum number of events that one statement removes, so that locks are held briefly. */
const maxEventsPerStatement = 500

/**
 * The log of the rows of one kind. A writer holds the lock of the workspace, so events are numbered in the order of
 * their commits, and a position can be a cursor.
 */
export function createEventLog<Row extends LoggedRow, Event extends LoggedEvent>({ name, key, position, isTerminal, toFacts, ...parts }: EventLogParts<Row>) {
  // Both tables have all columns that are used here.
  const table = parts.table as typeof deploymentEvents
  const { [key]: rowId } = getColumns(parts.table as typeof deploymentEvents & typeof modelEvents)
  const later = alias(table, 'later')
  const counter = workspaces[position]
  // The events of one row have an index of their own. With `is true`, no plan reads all events of the workspace beside it.
  const within = ({ workspaceId, id }: EventScope) =>
    id === undefined ? eq(table.workspaceId, workspaceId) : and(eq(rowId, id), sql`(${table.workspaceId} = ${workspaceId}) is true`)
  // Written out, since a plan for any status could not use the partial index.
  const isRemoved = sql`${table.status} = 'DELETING'`
  /** False for the deletion of a row that was restored. */
  const isFinal = sql`not exists (select from ${table} as later where ${getColumns(later)[key as 'deploymentId']} = ${rowId} and ${gt(later.sequence, table.sequence)})`

  /**
   * Reads the events after many positions: the oldest, oldest first, or the newest, newest first. The positions are all
   * of rows or all of workspaces. A lateral join reads each of them from an index, in one statement.
   */
  async function selectMany(db: Db, places: readonly ReadPosition[], order: 'oldest' | 'newest', limit: number): Promise<Event[][]> {
    const ofRows = places[0]?.id !== undefined
    // The sequence and the position of a row grow together, and the index of rows has the sequence.
    const by = ofRows ? table.sequence : table.position
    const isBehind = and(eq(table.workspaceId, sql`place.workspace_id`), gt(table.position, sql`place.after`))
    const isOf = ofRows ? and(eq(rowId, sql`place.id`), sql`(${isBehind}) is true`) : isBehind
    const behind = db
      .select({ event: getColumns(table) })
      .from(table)
      .where(isOf)
      .orderBy(order === 'oldest' ? asc(by) : desc(by))
      .limit(limit)
      .as('behind')
    const ids = ofRows ? places.map(({ id }) => id) : places.map(({ workspaceId }) => workspaceId)
    const columns = [ids, places.map(({ workspaceId }) => workspaceId), places.map(({ after }) => after)].map((column) => sql.param(column))
    const found = await db
      .select({ number: sql<number>`place.number::int`, event: behind.event })
      .from(sql`unnest(${columns[0]}::uuid[], ${columns[1]}::uuid[], ${columns[2]}::bigint[]) with ordinality as place(id, workspace_id, after, number)`)
      .crossJoinLateral(behind)
    const events = places.map((): Event[] => [])
    for (const { number, event } of found) events[number - 1]?.push(event as unknown as Event)
    for (const own of events) own.sort((a, b) => (order === 'oldest' ? a.position - b.position : b.position - a.position))
    return events
  }

  return {
    name,
    isTerminal,
    /** True when only a request can cause another event after this one. A pending revision continues the log of its deployment. */
    isLast: ({ status, pendingRevision }: Pick<LoggedEvent, 'status' | 'pendingRevision'>) => isTerminal(status) && pendingRevision == null,
    selectMany,
    /** The id of the row of an event. */
    rowOf: (event: LoggedEvent) => (event as unknown as Record<typeof key, string>)[key],
    /** The columns that order all events of a workspace, and those of one row. */
    columns: { position: table.position, sequence: table.sequence },

    /** Inserts the event with the current sequence of the row, and notifies its subscribers, in one statement. */
    async record(tx: Tx, row: Row, previousStatus: Row['status'] | null, message: string, details: EventDetails = {}): Promise<void> {
      const { id, workspaceId, sequence, status, stage, progress, updatedAt: occurredAt } = row
      const raised = tx.$with('raised').as(
        tx
          .update(workspaces)
          .set({ [position]: sql`${counter} + 1` })
          .where(eq(workspaces.id, workspaceId))
          .returning({ position: counter }),
      )
      noteStatusChange(tx, { kind: name, id, workspaceId, status, previousStatus, code: (row.failure as { code?: string } | null | undefined)?.code })
      const own = { [key]: id, workspaceId, sequence, position: sql`(select * from ${raised})`, ...toFacts(row) }
      const topics = [rowTopic(name, id), workspaceTopic(name, workspaceId), ...(details.topics ?? [])]
      if (isTerminal(status) && status !== previousStatus) topics.push(statusTopic(name, status))
      await tx
        .with(raised)
        .insert(table)
        .values({ ...own, status, previousStatus, stage, progress, message, occurredAt, ...details.facts } as never)
        .returning({ notified: notification(topics) })
    },

    /** Removes some logs of rows that were deleted long ago, in one workspace or in all. Returns the number of removed events. */
    async forgetRemoved(tx: Db | Tx, workspaceId?: string): Promise<number> {
      const isLongAgo = lt(table.occurredAt, sql`now() - make_interval(days => ${tombstoneDays})`)
      const longGone = tx
        .select({ id: sql`${rowId}`.as('gone_id') })
        .from(table)
        .where(and(workspaceId === undefined ? undefined : within({ workspaceId }), isRemoved, isLongAgo, isFinal))
        .limit(maxLogsPerStatement)
        .as('gone')
      // The event of the deletion is the last of a row, so an interrupted batch continues with that row.
      const some = tx
        .select({ id: rowId, sequence: table.sequence })
        .from(table)
        .innerJoin(longGone, eq(rowId, longGone.id))
        .orderBy(asc(rowId), asc(table.sequence))
        .limit(maxEventsPerStatement)
      const { count } = await tx.delete(table).where(sql`(${rowId}, ${table.sequence}) in ${some}`)
      return count
    },

    /** Removes some logs of deleted rows in workspaces that have too many. Returns the number of removed events. */
    async forgetExcess(db: Db): Promise<number> {
      const excess = sql`select old.id from ${workspaces} as owner cross join lateral (
        select ${rowId} as id from ${table} where ${table.workspaceId} = owner.id and ${isRemoved} and ${isFinal}
        order by ${table.occurredAt} desc offset ${maxTombstones} limit ${maxLogsPerStatement}) as old limit ${maxLogsPerStatement}`
      const { count } = await db.delete(table).where(sql`${rowId} in (${excess})`)
      return count
    },

    /** The last event of a deleted row whose log is still kept. */
    async findRemoval(db: Db, { workspaceId, id }: Required<EventScope>): Promise<Event | undefined> {
      const [last] = await db
        .select()
        .from(table)
        .where(and(eq(table.workspaceId, workspaceId), eq(rowId, id), isRemoved))
      return last as Event | undefined
    },

    async select(db: Db, scope: EventScope, bounds: SQL | undefined, orderBy: SQL[], limit: number): Promise<Event[]> {
      const found = await db
        .select()
        .from(table)
        .where(and(within(scope), bounds))
        .orderBy(...orderBy)
        .limit(limit)
      return found as unknown as Event[]
    },

    /** The first events of many rows, in order, each with the number of events of its row. */
    async selectFirst(db: Db, ids: readonly string[], maxEvents: number): Promise<{ id: string; event: Event; total: number }[]> {
      const perRow = sql`partition by ${rowId}`
      const ranked = db
        .select({
          event: getColumns(table),
          rank: sql<number>`(row_number() over (${perRow} order by ${table.sequence}))::int`.as('rank'),
          total: sql<number>`(count(*) over (${perRow}))::int`.as('total'),
        })
        .from(table)
        .where(isAnyOf(rowId, ids))
        .as('ranked')
      const found = await db.select().from(ranked).where(lte(ranked.rank, maxEvents)).orderBy(asc(ranked.rank))
      return found.map(({ event, total }) => ({ id: (event as Record<string, unknown>)[key] as string, event: event as unknown as Event, total }))
    },

    /** The position of the newest event of the workspace. */
    async readPosition(db: Db, workspaceId: string): Promise<number> {
      const [workspace] = await db.select({ position: counter }).from(workspaces).where(eq(workspaces.id, workspaceId))
      return workspace?.position ?? 0
    },
  }
}
