import { Repeater } from '@repeaterjs/repeater'
import DataLoader from 'dataloader'
import { and, asc, desc, eq, getColumns, gt, inArray, lte, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type DeploymentEventRow, type DeploymentRow, deploymentEvents } from '../postgres/tables.ts'
import type { Context } from './context.ts'
import { findDeployment } from './deployment.ts'
import { DeploymentNotFoundError, type ExpectedError, InvalidCursorError } from './errors.ts'
import { decodeEventCursor, readPosition } from './event-cursor.ts'
import { defaultPageSize, type Order, type PageArgs, readPage } from './page.ts'
import { deploymentTopic, isTerminal, workspaceTopic } from './status.ts'
import { storable } from './text.ts'

export interface Watched {
  /** One deployment; left out, all of the workspace. */
  deploymentId?: string | undefined
  /** Only deployments for this locale. */
  locale?: string | null | undefined
  /** Go on behind this event. */
  after?: string | null | undefined
}

type Watch = AsyncIterable<DeploymentEventRow> | ExpectedError

/**
 * Events in order, none twice, none missing. Of one deployment: the newest first, then each later one
 * until it is terminal. Of all: each from now on, without end. With a cursor, everything after it instead.
 */
export async function watchDeployments(ctx: Context, { deploymentId, locale, after }: Watched): Promise<Watch> {
  const resumed = after == null ? null : decodeEventCursor(after)
  if (resumed === undefined) return new InvalidCursorError()
  if (deploymentId === undefined) {
    const where = and(eq(deploymentEvents.workspaceId, ctx.viewer.workspaceId), locale ? eq(deploymentEvents.locale, storable(locale)) : undefined)
    return followLog(ctx, { topic: workspaceTopic(ctx.viewer.workspaceId), where, from: resumed ?? (await readPosition(ctx)), endsWith: async () => false })
  }
  const ofLocale = locale ? eq(deploymentEvents.locale, storable(locale)) : undefined
  const where = and(eq(deploymentEvents.workspaceId, ctx.viewer.workspaceId), eq(deploymentEvents.deploymentId, deploymentId), ofLocale)
  const [newest] = await ctx.store.db.select().from(deploymentEvents).where(where).orderBy(desc(deploymentEvents.sequence)).limit(1)
  // The last event of a deleted deployment tells those who come back for it, and nobody else.
  if (!newest || (newest.status === 'DELETING' && resumed === null)) return new DeploymentNotFoundError()
  const from = resumed ?? newest.position - 1
  return followLog(ctx, { topic: deploymentTopic(deploymentId), where, from, endsWith: (last) => isOver(ctx, deploymentId, last) })
}

interface Followed {
  topic: string
  where: ReturnType<typeof and>
  /** The position that has been seen already. */
  from: number
  /** True when nothing can follow the given event, or the given silence. */
  endsWith: (last: DeploymentEventRow | undefined) => Promise<boolean>
}

/** Reads the log after each ring: a notice that is lost delays an event but cannot lose it. */
function followLog(ctx: Context, { topic, where, from, endsWith }: Followed): AsyncIterable<DeploymentEventRow> {
  return new Repeater(async (push, stop) => {
    let rung = true
    let wake = () => {}
    let stopped = false
    const unwatch = ctx.store.events.watch(topic, () => {
      rung = true
      wake()
    })
    // A revoked key ends its streams, whichever way they travel.
    const unwatchKey = ctx.keyring.onEnd(ctx.viewer, stop)
    stop.finally(() => {
      stopped = true
      wake()
    })
    const readEvents = (after: number) =>
      ctx.store.db
        .select()
        .from(deploymentEvents)
        .where(and(where, gt(deploymentEvents.position, after)))
        .orderBy(asc(deploymentEvents.position))
        .limit(batch)
        // While Postgres is away there is nothing new; the ring of its return wakes us.
        .catch((error) => {
          ctx.log.warn({ error: String(error.cause ?? error) }, 'a watcher waits for Postgres')
          return []
        })
    try {
      let last = from
      let newest: DeploymentEventRow | undefined
      let isOver = false
      while (!stopped) {
        rung = false
        const events = await readEvents(last)
        for (const event of events) {
          if (stopped) return
          // Waits until the consumer has taken it, so a slow one holds one batch and no more.
          await push(event)
          last = event.position
          newest = event
          isOver = false
        }
        if (events.length === batch) continue
        // An event may have come between the reading and the question: only twice over is over.
        if (isOver) return stop()
        isOver = await endsWith(newest).catch(() => false)
        if (isOver) continue
        if (!rung && !stopped) await new Promise<void>((resolve) => (wake = resolve))
      }
    } finally {
      unwatch()
      unwatchKey()
    }
  })
}

const batch = 200

/** One that was tried again goes on behind a terminal event, so only the row knows. */
async function isOver(ctx: Context, deploymentId: string, last: DeploymentEventRow | undefined): Promise<boolean> {
  if (last && !isTerminal(last.status)) return false
  const deployment = await findDeployment(ctx, deploymentId)
  return deployment === null || (isTerminal(deployment.status) && (!last || last.sequence >= deployment.sequence))
}

const newestLast: Order<DeploymentEventRow> = {
  columns: [sql`${deploymentEvents.sequence}`],
  keys: (event) => [String(event.sequence)],
  shape: z.tuple([z.string().regex(/^\d{1,9}$/)]),
  descending: false,
}

/** The first events of a deployment and how many it has; asked for together for all rows of a list. */
export type LoadTimeline = (deploymentId: string, size: number) => Promise<{ events: DeploymentEventRow[]; total: number }>

export function createTimelineLoader({ store }: Context): LoadTimeline {
  const loader = new DataLoader<{ id: string; size: number }, { events: DeploymentEventRow[]; total: number }>(
    async (asked) => {
      const ids = [...new Set(asked.map(({ id }) => id))]
      const most = Math.max(...asked.map(({ size }) => size))
      const byDeployment = sql`partition by ${deploymentEvents.deploymentId}`
      const ranked = store.db
        .select({
          event: getColumns(deploymentEvents),
          rank: sql<number>`(row_number() over (${byDeployment} order by ${deploymentEvents.sequence}))::int`.as('rank'),
          total: sql<number>`(count(*) over (${byDeployment}))::int`.as('total'),
        })
        .from(deploymentEvents)
        .where(inArray(deploymentEvents.deploymentId, ids))
        .as('ranked')
      const rows = await store.db.select().from(ranked).where(lte(ranked.rank, most)).orderBy(asc(ranked.rank))
      return asked.map(({ id, size }) => {
        const own = rows.filter(({ event }) => event.deploymentId === id)
        return { events: own.slice(0, size).map(({ event }) => event), total: own[0]?.total ?? 0 }
      })
    },
    { cache: false },
  )
  return (id, size) => loader.load({ id, size })
}

/** A deployment's log, page by page; first pages of many logs are read in one statement. */
export function listEvents(ctx: Context & { loadTimeline: LoadTimeline }, deployment: DeploymentRow, args: PageArgs) {
  const where = eq(deploymentEvents.deploymentId, deployment.id)
  const isFirst = args.after == null && args.before == null && args.last == null
  const first = ctx.loadTimeline
  return readPage(args, newestLast, {
    select: async (bounds, orderBy, limit) =>
      isFirst
        ? (await first(deployment.id, (args.first ?? defaultPageSize) + 1)).events
        : ctx.store.db
            .select()
            .from(deploymentEvents)
            .where(and(where, bounds))
            .orderBy(...orderBy)
            .limit(limit),
    count: async () => (await first(deployment.id, 1)).total,
  })
}
