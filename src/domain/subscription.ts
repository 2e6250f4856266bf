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
  /** The row to watch; when omitted, all rows of the workspace. */
  id?: string | undefined
  /** The cursor of the last event that the client received. */
  after?: string | null | undefined
}

/**
 * Watches the events of deployments, in order, without gaps or repetitions. For one deployment: the newest event, then
 * each later event until a terminal status without a pending revision. For all deployments: each event from now on. With a cursor: each event after it.
 */
export function watchDeployments(ctx: Context, { locale, ...watched }: Watched & { locale?: string | null | undefined }) {
  const includes = (event: DeploymentEventRow) => !locale || event.locale === locale
  return openWatch(ctx, deploymentLog, watched, includes, () => new DeploymentNotFoundError())
}

/** Watches the events of custom models, as {@link watchDeployments} does. */
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
  // Only a client that resumes with a cursor receives the last event of a deleted row.
  if (!newest || !includes(newest) || (newest.status === 'DELETING' && resumed === null)) return notFound()
  return open(resumed ?? newest.position - 1)
}

/** True when no event of the workspace has reached this position. */
async function isToCome<Event extends LoggedEvent>(ctx: Context, log: WatchedLog<Event>, feed: Feed<Event>, position: number): Promise<boolean> {
  if (position > feed.position) await feed.refresh()
  return position > feed.position && position > (await log.readPosition(ctx.store.db, ctx.viewer.workspaceId))
}

/** The part of a log that a watch uses. */
type WatchedLog<Event extends LoggedEvent> = FeedLog<Event> & Pick<EventLog<never, Event>, 'readPosition' | 'isLast'>

/** The fields of the newest event that a watch keeps. */
export type Newest<Event extends LoggedEvent = LoggedEvent> = Pick<Event, 'position' | 'status' | 'pendingRevision'>

export const toNewest = <Event extends LoggedEvent>({ position, status, pendingRevision }: Newest<Event>): Newest<Event> => ({
  position,
  status,
  pendingRevision,
})

/** A feed for one subscriber. Nothing is opened until the first read. */
export class Watch<Event extends LoggedEvent = LoggedEvent> implements AsyncIterable<Event> {
  readonly #feeds: Feeds
  readonly #log: WatchedLog<Event>
  readonly #scope: EventScope
  readonly #includes: (event: Event) => boolean
  /** The position of the last event that the subscriber has. */
  readonly from: number
  /** The newest event when the watch was opened. */
  readonly newest: Newest<Event> | undefined

  constructor(feeds: Feeds, log: WatchedLog<Event>, scope: EventScope, includes: (event: Event) => boolean, from: number, newest: Event | undefined) {
    this.#feeds = feeds
    this.#log = log
    this.#scope = scope
    this.#includes = includes
    this.from = from
    this.newest = newest && toNewest(newest)
  }

  openFeed(): Feed<Event> {
    return this.#feeds.of(this.#log, this.#scope)
  }

  includes(event: Event): boolean {
    return this.#includes(event)
  }

  /** True when the newest event is terminal, no revision is pending, and the event was seen. After a retry, earlier events can be terminal too. */
  isOver(newest: Newest<Event> | undefined, seen: number): boolean {
    return this.#scope.id !== undefined && newest !== undefined && newest.position <= seen && this.#log.isLast(newest)
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
        // While the loop waits, all announced events have been pushed.
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
            // Waits until the consumer has taken the event, so a slow consumer holds at most one batch.
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

/** Reads from the feed. While Postgres is unavailable, returns no events after a pause. */
export const readWithRetry = <Event extends LoggedEvent>(feed: Feed<Event>, after: number): Promise<Stretch<Event>> =>
  feed.read(after).catch(() => delay(retryMs, { events: [], upTo: after }))
const retryMs = 500
