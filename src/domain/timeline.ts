import { setTimeout as delay } from 'node:timers/promises'
import { Repeater } from '@repeaterjs/repeater'
import DataLoader from 'dataloader'
import { and, asc, eq, getColumns, inArray, lte, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type DeploymentEventRow, type DeploymentRow, deploymentEvents } from '../postgres/tables.ts'
import type { Context } from './context.ts'
import { DeploymentNotFoundError, type ExpectedError, InvalidCursorError } from './errors.ts'
import { decodeEventCursor, readPosition } from './event-cursor.ts'
import type { Feed, Scope } from './feed.ts'
import { defaultPageSize, type Order, type PageArgs, readPage } from './page.ts'
import { isTerminal } from './status.ts'

export interface Watched {
  /** One deployment; left out, all of the workspace. */
  deploymentId?: string | undefined
  /** Only deployments for this locale. */
  locale?: string | null | undefined
  /** Go on behind this event. */
  after?: string | null | undefined
}

/**
 * Events in order, none twice, none missing. Of one deployment: the newest first, then each later one
 * until it is terminal. Of all: each from now on, without end. With a cursor, everything after it instead.
 */
export async function watchDeployments(ctx: Context, { deploymentId, locale, after }: Watched): Promise<Watch | ExpectedError> {
  const resumed = after == null ? null : decodeEventCursor(after)
  if (resumed === undefined) return new InvalidCursorError()
  const scope = { workspaceId: ctx.viewer.workspaceId, deploymentId }
  if (deploymentId === undefined) return new Watch(ctx, scope, locale, resumed ?? (await readPosition(ctx)))
  const feed = ctx.feeds.of(scope)
  await feed.refresh()
  const { newest } = feed
  // The last event of a deleted deployment tells those who come back for it, and nobody else.
  if (!newest || (locale && newest.locale !== locale) || (newest.status === 'DELETING' && resumed === null)) return new DeploymentNotFoundError()
  return new Watch(ctx, scope, locale, resumed ?? newest.position - 1)
}

/** What one watcher sees of a feed. Nothing is held until it is read. */
export class Watch implements AsyncIterable<DeploymentEventRow> {
  readonly #ctx: Context
  readonly #scope: Scope
  readonly #locale: string | null | undefined
  /** The position that has been seen already. */
  readonly from: number

  constructor(ctx: Context, scope: Scope, locale: string | null | undefined, from: number) {
    this.#ctx = ctx
    this.#scope = scope
    this.#locale = locale
    this.from = from
  }

  openFeed(): Feed {
    return this.#ctx.feeds.of(this.#scope)
  }

  includes(event: DeploymentEventRow): boolean {
    return !this.#locale || event.locale === this.#locale
  }

  /** One that was tried again goes on behind a terminal event, so only the newest can be the last. */
  isOver({ newest }: Feed, seen: number): boolean {
    return this.#scope.deploymentId !== undefined && newest !== undefined && newest.position <= seen && isTerminal(newest.status)
  }

  [Symbol.asyncIterator](): AsyncIterator<DeploymentEventRow> {
    return new Repeater<DeploymentEventRow>(async (push, stop) => {
      const feed = this.openFeed()
      let isStopped = false
      let wake = () => {}
      const leave = feed.join(() => wake())
      // A revoked key ends its streams, whichever way they travel.
      const unwatchKey = this.#ctx.keyring.onEnd(this.#ctx.viewer, stop)
      stop.finally(() => {
        isStopped = true
        wake()
      })
      try {
        for (let seen = this.from; !isStopped; ) {
          const events = await readPatiently(feed, seen)
          for (const event of events) {
            // Waits until the consumer has taken it, so a slow one holds one batch and no more.
            if (!isStopped && this.includes(event)) await push(event)
            seen = event.position
          }
          if (events.length) continue
          if (this.isOver(feed, seen)) return stop()
          if (feed.position <= seen && !isStopped) await new Promise<void>((woken) => (wake = woken))
        }
      } finally {
        leave()
        unwatchKey()
      }
    })
  }
}

/** While Postgres is away nothing can be read, and nobody has to know. */
export const readPatiently = (feed: Feed, after: number) => feed.read(after).catch(() => delay(retryMs, []))
const retryMs = 500

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
