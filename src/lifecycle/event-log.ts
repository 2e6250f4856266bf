import { and, asc, desc, eq, getColumns, gt, inArray, lt, lte, type SQL, sql } from 'drizzle-orm'
import type { Db, Tx } from '../postgres/client.ts'
import type { deploymentEvents } from '../postgres/deployment-tables.ts'
import { ring } from '../postgres/events.ts'
import { type modelEvents, workspaces } from '../postgres/tables.ts'

/** What all events have in common, whatever they are about. */
export interface LoggedEvent {
  workspaceId: string
  /** Among all events of the workspace in this log; without a gap, in the order of their commits. */
  position: number
  /** Among those of the same row. */
  sequence: number
  status: string
}

/** The row that an event is about, as it is after the change. */
export interface LoggedRow {
  id: string
  workspaceId: string
  status: string
  stage: string | null
  progress: number
  sequence: number
  updatedAt: Date
}

/** The events of one row, or of all of a workspace. */
export interface EventScope {
  workspaceId: string
  id?: string | undefined
}

/** A place in a log: what is read next is what comes behind the position. */
export interface EventPlace extends EventScope {
  after: number
}

type EventLogName = 'deployment' | 'model'

interface EventLogParts<Row extends LoggedRow> {
  /** What the events are about. */
  name: EventLogName
  table: typeof deploymentEvents | typeof modelEvents
  /** The column with the row's id. */
  key: 'deploymentId' | 'modelId'
  /** The column of the workspace that numbers the events. */
  position: 'position' | 'modelPosition'
  /** True when nothing more will happen by itself to what has this status. */
  isTerminal(status: Row['status']): boolean
  /** What is kept of the row beyond what all events keep. */
  toFacts(row: Row): object
}

export type EventLog<Row extends LoggedRow = LoggedRow, Event extends LoggedEvent = LoggedEvent> = ReturnType<typeof createEventLog<Row, Event>>

/** Topics on which watchers are rung: of one row, and of all of a workspace. */
export const rowTopic = (name: EventLogName, id: string) => `${name}:${id}`
export const workspaceTopic = (name: EventLogName, workspaceId: string) => `${name}s:${workspaceId}`

/** What has been deleted leaves its log for so long, so that whoever watched it comes to its end. */
const tombstoneDays = 7
/** Of each workspace, the logs of so many deleted rows stay at most; older ones go before their time. */
const maxTombstones = 1000
/** Logs of one statement, so that a deletion does not wait for those of others. */
const logsAtOnce = 50
/** Events of one statement, so that none holds locks for long. */
const eventsAtOnce = 500

/**
 * A log of what happens to rows of one kind. Whoever writes into it holds the workspace's lock, so events are
 * numbered in the order of their commits, and a position can be a cursor.
 */
export function createEventLog<Row extends LoggedRow, Event extends LoggedEvent>({ name, key, position, isTerminal, toFacts, ...parts }: EventLogParts<Row>) {
  // All columns that are used here are in either table.
  const table = parts.table as typeof deploymentEvents
  const { [key]: rowId } = getColumns(parts.table as typeof deploymentEvents & typeof modelEvents)
  const counter = workspaces[position]
  const within = ({ workspaceId, id }: EventScope) => and(eq(table.workspaceId, workspaceId), id === undefined ? undefined : eq(rowId, id))
  // Written out, since a plan for any status could not use the partial index.
  const isRemoved = sql`${table.status} = 'DELETING'`

  /**
   * The events behind many places, oldest first, or the newest of them, newest first. The places are all of rows or
   * all of workspaces. One lateral join, so that each place is read off an index, in one statement.
   */
  async function selectMany(db: Db, places: readonly EventPlace[], order: 'oldest' | 'newest', limit: number): Promise<Event[][]> {
    const ofRows = places[0]?.id !== undefined
    // Sequences and positions of one row grow together, and its index has the sequence.
    const by = ofRows ? table.sequence : table.position
    const isOf = and(eq(table.workspaceId, sql`place.workspace_id`), gt(table.position, sql`place.after`), ofRows ? eq(rowId, sql`place.id`) : undefined)
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
    selectMany,
    /** Of which row an event is. */
    rowOf: (event: LoggedEvent) => (event as unknown as Record<typeof key, string>)[key],
    /** What its events are ordered by: all of a workspace, and those of one row. */
    columns: { position: table.position, sequence: table.sequence },

    /** Writes the event that the row's present sequence number stands for, and rings its watchers. */
    async record(tx: Tx, row: Row, previousStatus: Row['status'] | null, message: string): Promise<void> {
      const { id, workspaceId, sequence, status, stage, progress, updatedAt: occurredAt } = row
      const [raised] = await tx
        .update(workspaces)
        .set({ [position]: sql`${counter} + 1` })
        .where(eq(workspaces.id, workspaceId))
        .returning({ position: counter })
      const own = { [key]: id, workspaceId, sequence, position: raised?.position ?? 0, ...toFacts(row) }
      await tx.insert(table).values({ ...own, status, previousStatus, stage, progress, message, occurredAt } as never)
      await ring(tx, [rowTopic(name, id), workspaceTopic(name, workspaceId)])
    },

    /** Removes some of the logs of what was deleted long ago, of one workspace or of all; answers how many events were removed. */
    async forgetRemoved(tx: Db | Tx, workspaceId?: string): Promise<number> {
      const isLongAgo = lt(table.occurredAt, sql`now() - make_interval(days => ${tombstoneDays})`)
      const longGone = tx
        .select({ id: sql`${rowId}`.as('gone_id') })
        .from(table)
        .where(and(workspaceId === undefined ? undefined : within({ workspaceId }), isRemoved, isLongAgo))
        .limit(logsAtOnce)
        .as('gone')
      // The event of the removal is a row's last, so an interrupted batch continues with that row.
      const some = tx
        .select({ id: rowId, sequence: table.sequence })
        .from(table)
        .innerJoin(longGone, eq(rowId, longGone.id))
        .orderBy(asc(rowId), asc(table.sequence))
        .limit(eventsAtOnce)
      const { rowCount } = await tx.delete(table).where(sql`(${rowId}, ${table.sequence}) in ${some}`)
      return rowCount ?? 0
    },

    /** The same for what was deleted lately, where a workspace has more of it than is kept. */
    async forgetExcess(db: Db): Promise<number> {
      const excess = sql`select old.id from ${workspaces} as owner cross join lateral (
        select ${rowId} as id from ${table} where ${table.workspaceId} = owner.id and ${isRemoved}
        order by ${table.occurredAt} desc offset ${maxTombstones} limit ${logsAtOnce}) as old limit ${logsAtOnce}`
      const { rowCount } = await db.delete(table).where(sql`${rowId} in (${excess})`)
      return rowCount ?? 0
    },

    /** The last event of a row that was deleted not long ago. */
    async findRemoval(db: Db, scope: EventScope): Promise<Event | undefined> {
      const [last] = await db
        .select()
        .from(table)
        .where(and(within(scope), isRemoved))
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

    /** The first events of many rows, each in its place, and how many its row has. */
    async selectFirst(db: Db, ids: readonly string[], most: number): Promise<{ id: string; event: Event; total: number }[]> {
      const perRow = sql`partition by ${rowId}`
      const ranked = db
        .select({
          event: getColumns(table),
          rank: sql<number>`(row_number() over (${perRow} order by ${table.sequence}))::int`.as('rank'),
          total: sql<number>`(count(*) over (${perRow}))::int`.as('total'),
        })
        .from(table)
        .where(inArray(rowId, [...ids]))
        .as('ranked')
      const found = await db.select().from(ranked).where(lte(ranked.rank, most)).orderBy(asc(ranked.rank))
      return found.map(({ event, total }) => ({ id: (event as Record<string, unknown>)[key] as string, event: event as unknown as Event, total }))
    },

    /** The number of the workspace's newest event. */
    async readPosition(db: Db, workspaceId: string): Promise<number> {
      const [workspace] = await db.select({ position: counter }).from(workspaces).where(eq(workspaces.id, workspaceId))
      return workspace?.position ?? 0
    },
  }
}
