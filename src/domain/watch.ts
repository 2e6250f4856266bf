import { setTimeout as delay } from 'node:timers/promises'
import { Repeater } from '@repeaterjs/repeater'
import type { DeploymentEventRow } from '../postgres/deployment-tables.ts'
import type { ModelEventRow, ModelKind } from '../postgres/tables.ts'
import type { Context } from './context.ts'
import { DeploymentNotFoundError, type ExpectedError, InvalidCursorError, ModelNotFoundError } from './errors.ts'
import { decodeEventCursor } from './event-cursor.ts'
import type { EventLog, LoggedEvent, Scope } from './event-log.ts'
import type { Feed } from './feed.ts'
import { modelLog } from './model-status.ts'
import { deploymentLog } from './status.ts'

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
  await feed.refresh()
  const { newest, position } = feed
  // Nobody can have been sent what has not happened; unless it has happened to another row, which the workspace knows.
  if (resumed !== null && resumed > position && resumed > (await log.readPosition(ctx.store.db, workspaceId))) return new InvalidCursorError()
  if (id === undefined) return new Watch(ctx, log, scope, includes, resumed ?? position)
  // The last event of what was deleted tells those who come back for it, and nobody else.
  if (!newest || !includes(newest) || (newest.status === 'DELETING' && resumed === null)) return notFound()
  return new Watch(ctx, log, scope, includes, resumed ?? newest.position - 1)
}

/** What watching needs of a log. */
type WatchedLog<Event extends LoggedEvent> = Pick<EventLog<never, Event>, 'name' | 'select' | 'columns' | 'readPosition'> & {
  isTerminal(status: Event['status']): boolean
}

/** What one watcher sees of a feed. Nothing is held until it is read. */
export class Watch<Event extends LoggedEvent = LoggedEvent> implements AsyncIterable<Event> {
  readonly #ctx: Context
  readonly #log: WatchedLog<Event>
  readonly #scope: Scope
  readonly #includes: (event: Event) => boolean
  /** The position that has been seen already. */
  readonly from: number

  constructor(ctx: Context, log: WatchedLog<Event>, scope: Scope, includes: (event: Event) => boolean, from: number) {
    this.#ctx = ctx
    this.#log = log
    this.#scope = scope
    this.#includes = includes
    this.from = from
  }

  openFeed(): Feed<Event> {
    return this.#ctx.feeds.of(this.#log, this.#scope)
  }

  includes(event: Event): boolean {
    return this.#includes(event)
  }

  /** One that was tried again goes on behind a terminal event, so only the newest can be the last. */
  isOver({ newest }: Feed<Event>, seen: number): boolean {
    return this.#scope.id !== undefined && newest !== undefined && newest.position <= seen && this.#log.isTerminal(newest.status)
  }

  [Symbol.asyncIterator](): AsyncIterator<Event> {
    return new Repeater<Event>(async (push, stop) => {
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
export const readPatiently = <Event extends LoggedEvent>(feed: Feed<Event>, after: number): Promise<readonly Event[]> =>
  feed.read(after).catch(() => delay(retryMs, []))
const retryMs = 500
