import { setTimeout as delay } from 'node:timers/promises'
import { Repeater } from '@repeaterjs/repeater'
import { decodeEventCursor } from '../lifecycle/event-cursor.ts'
import type { Feed, Feeds, Stretch } from '../lifecycle/event-feed.ts'
import type { FeedLog } from '../lifecycle/event-feed-reader.ts'
import type { EventLog, EventScope, LoggedEvent } from '../lifecycle/event-log.ts'
import type { DeploymentEventRow } from '../postgres/deployment-tables.ts'
import type { ModelEventRow, ModelKind } from '../postgres/tables.ts'
import type { Context } from './context.ts'
import { DeploymentNotFoundError } from './deployment-errors.ts'
import { deploymentLog } from './deployment-lifecycle.ts'
import { type ExpectedError, InvalidCursorError } from './errors.ts'
import { ModelNotFoundError } from './model-errors.ts'
import { modelLog } from './model-lifecycle.ts'

export interface Watched {
  /** Of which row; left out, of all of the workspace. */
  id?: string | undefined
  /** Go on behind this event. */
  after?: string | null | undefined
}

/**
 * Events in order, none twice, none missing. Of one deployment: the newest first, then each later one
 * until it is terminal. Of all: each from now on, without end. With a cursor, everything after it instead.
 */
export function watchDeployments(ctx: Context, { locale, ...watched }: Watched & { locale?: string | null | undefined }) {
  const includes = (event: DeploymentEventRow) => !locale || event.locale === locale
  return openWatch(ctx, deploymentLog, watched, includes, () => new DeploymentNotFoundError())
}

/** The same of custom models. */
export function watchModels(ctx: Context, { kind, ...watched }: Watched & { kind?: ModelKind | undefined }) {
  const includes = (event: ModelEventRow) => !kind || event.kind === kind
  return openWatch(ctx, modelLog, watched, includes, () => new ModelNotFoundError('modelId', 'custom'))
}

async function openWatch<Event extends LoggedEvent>(
  ctx: Context,
  log: WatchedLog<Event>,
  { id, after }: Watched,
  includes: (event: Event) => boolean,
  notFound: () => ExpectedError,
): Promise<Watch<Event> | ExpectedError> {
  const { workspaceId } = ctx.viewer
  const resumed = after == null ? null : decodeEventCursor(log.name, workspaceId, after)
  if (resumed === undefined) return new InvalidCursorError()
  const scope = { workspaceId, id }
  const feed = ctx.feeds.of(log, scope)
  const newest = await feed.findNewest()
  if (resumed !== null && resumed > (newest?.position ?? 0) && (await isToCome(ctx, log, feed, resumed))) return new InvalidCursorError()
  const open = (from: number) => new Watch(ctx.feeds, log, scope, includes, from, newest)
  if (id === undefined) return open(resumed ?? feed.position)
  // The last event of what was deleted tells those who come back for it, and nobody else.
  if (!newest || !includes(newest) || (newest.status === 'DELETING' && resumed === null)) return notFound()
  return open(resumed ?? newest.position - 1)
}

/** True for the position of an event that has not happened, neither to the row nor to another of the workspace. */
async function isToCome<Event extends LoggedEvent>(ctx: Context, log: WatchedLog<Event>, feed: Feed<Event>, position: number): Promise<boolean> {
  if (position > feed.position) await feed.refresh()
  return position > feed.position && position > (await log.readPosition(ctx.store.db, ctx.viewer.workspaceId))
}

/** What watching needs of a log. */
type WatchedLog<Event extends LoggedEvent> = FeedLog<Event> &
  Pick<EventLog<never, Event>, 'readPosition'> & {
    isTerminal(status: Event['status']): boolean
  }

/** What is kept of the newest event. */
export type Newest<Event extends LoggedEvent = LoggedEvent> = Pick<Event, 'position' | 'status'>

/** What one watcher sees of a feed. Nothing is held until it is read. */
export class Watch<Event extends LoggedEvent = LoggedEvent> implements AsyncIterable<Event> {
  readonly #feeds: Feeds
  readonly #log: WatchedLog<Event>
  readonly #scope: EventScope
  readonly #includes: (event: Event) => boolean
  /** The position that has been seen already. */
  readonly from: number
  /** The newest event when the watch was opened. */
  readonly newest: Newest<Event> | undefined

  constructor(feeds: Feeds, log: WatchedLog<Event>, scope: EventScope, includes: (event: Event) => boolean, from: number, newest: Event | undefined) {
    this.#feeds = feeds
    this.#log = log
    this.#scope = scope
    this.#includes = includes
    this.from = from
    this.newest = newest && { position: newest.position, status: newest.status }
  }

  openFeed(): Feed<Event> {
    return this.#feeds.of(this.#log, this.#scope)
  }

  includes(event: Event): boolean {
    return this.#includes(event)
  }

  /** Of a row that was tried again a terminal event has others behind it, so only the newest can be the last. */
  isOver(newest: Newest<Event> | undefined, seen: number): boolean {
    return this.#scope.id !== undefined && newest !== undefined && newest.position <= seen && this.#log.isTerminal(newest.status)
  }

  [Symbol.asyncIterator](): AsyncIterator<Event> {
    return new Repeater<Event>(async (push, stop) => {
      const feed = this.openFeed()
      let isStopped = false
      let seen = this.from
      let newest = this.newest
      let wake: (() => void) | undefined
      const leave = feed.join((since) => {
        if (!wake) return
        // While it waits, everything that was announced before has been pushed.
        seen = Math.max(seen, since)
        wake()
        wake = undefined
      })
      stop.finally(() => {
        isStopped = true
        wake?.()
      })
      try {
        while (!isStopped) {
          const { events, upTo } = await readWithRetry(feed, seen)
          for (const event of events) {
            // Waits until the consumer has taken it, so a slow one holds one batch and no more.
            if (!isStopped && this.includes(event)) await push(event)
            newest = event
          }
          seen = upTo
          if (events.length || feed.position > seen) continue
          if (this.isOver(newest, seen)) return stop()
          if (!isStopped) await new Promise<void>((woken) => (wake = woken))
        }
      } finally {
        leave()
      }
    })
  }
}

/** While Postgres is away nothing can be read, and nobody has to know. */
export const readWithRetry = <Event extends LoggedEvent>(feed: Feed<Event>, after: number): Promise<Stretch<Event>> =>
  feed.read(after).catch(() => delay(retryMs, { events: [], upTo: after }))
const retryMs = 500
