import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'
import type { Store } from '../postgres/store.ts'
import { batch, createEventReader, type EventReader, type FeedLog } from './event-feed-reader.ts'
import { type EventScope, type LoggedEvent, workspaceTopic } from './event-log.ts'

/**
 * One log, for a subscriber to all rows or to one row. All subscribers of a workspace in this process share the feed, so
 * a change costs one statement for any number of subscribers and rows.
 */
export interface Feed<Event extends LoggedEvent = LoggedEvent> {
  /** Reads the new events from Postgres. Concurrent callers share one statement. */
  refresh(): Promise<void>
  /** The position up to which all events of the workspace have been read. */
  readonly position: number
  /** The newest event in Postgres. Concurrent callers share one statement. */
  findNewest(): Promise<Event | undefined>
  read(after: number): Promise<Stretch<Event>>
  /** Returns a function that removes the listener. */
  join(listener: FeedListener): () => void
}

/** A part of a log. */
export interface Stretch<Event extends LoggedEvent = LoggedEvent> {
  /** In order; empty when there are no newer events. */
  events: readonly Event[]
  /** The position up to which the subscriber has all of its events. */
  upTo: number
}

/** Called after events for the subscriber have been read. Earlier calls announced those up to `since`. */
type FeedListener = (since: number) => void

export interface Feeds {
  /** The feed, which the caller must join soon: a feed without listeners is closed. */
  of<Event extends LoggedEvent>(eventLog: FeedLog<Event>, scope: EventScope): Feed<Event>
  close(): Promise<void>
}

/** The time for which a feed without listeners stays open, until a subscriber joins or returns. */
const lingerMs = 2_000
/** The pause between reads while Postgres is unavailable. Mostly the notification after a reconnection comes first. */
const retryMs = 1_000

export function openFeeds({ db, events }: Pick<Store, 'db' | 'events'>, log: Log): Feeds {
  const feeds = new Map<string, WorkspaceFeed<LoggedEvent>>()
  const readers = new Map<string, EventReader<LoggedEvent>>()
  const readerOf = (eventLog: FeedLog<LoggedEvent>) => {
    const known = readers.get(eventLog.name) ?? createEventReader(db, eventLog)
    readers.set(eventLog.name, known)
    return known
  }
  const open = (eventLog: FeedLog<LoggedEvent>, workspaceId: string) => {
    const topic = workspaceTopic(eventLog.name, workspaceId)
    const known = feeds.get(topic)
    if (known) return known
    const feed = new WorkspaceFeed(workspaceId, eventLog, readerOf(eventLog), log, () => {
      feeds.delete(topic)
      unwatch()
    })
    const unwatch = events.watch(topic, () => void feed.notify())
    feeds.set(topic, feed)
    return feed
  }
  return {
    of<Event extends LoggedEvent>(eventLog: FeedLog<Event>, { workspaceId, id }: EventScope) {
      const feed = open(eventLog as unknown as FeedLog<LoggedEvent>, workspaceId) as unknown as WorkspaceFeed<Event>
      return new View(feed, id)
    },
    async close() {
      for (const feed of [...feeds.values()]) feed.close()
    },
  }
}

/** The feed of one subscriber. A class without closures, since a process can have very many. */
class View<Event extends LoggedEvent> implements Feed<Event> {
  readonly #feed: WorkspaceFeed<Event>
  readonly #id: string | undefined

  constructor(feed: WorkspaceFeed<Event>, id: string | undefined) {
    this.#feed = feed
    this.#id = id
  }

  get position() {
    return this.#feed.position
  }

  refresh() {
    return this.#feed.refresh()
  }

  findNewest() {
    return this.#feed.findNewest(this.#id)
  }

  read(after: number) {
    return this.#feed.read(after, this.#id)
  }

  join(listener: FeedListener) {
    return this.#feed.join(listener, this.#id)
  }
}

/** The log of one workspace. Events never change, so the newest are cached, and most reads need no statement. */
class WorkspaceFeed<Event extends LoggedEvent> {
  readonly #workspaceId: string
  readonly #rowOf: (event: Event) => string
  readonly #reader: EventReader<Event>
  readonly #log: Log
  readonly #forget: () => void
  /** Listeners by the id of their row; those of all rows under `undefined`. */
  readonly #watchers = new Map<string | undefined, Set<FeedListener>>()
  #tail: Event[] = []
  /** The tail has all events after this position. */
  #floor = 0
  #isLoaded = false
  #isNotified = false
  #isRefreshing = false
  #reading: Promise<void> | undefined
  #next: Promise<void> | undefined
  #isClosed = false
  #linger: NodeJS.Timeout | undefined
  position = 0

  constructor(workspaceId: string, { rowOf }: FeedLog<Event>, reader: EventReader<Event>, log: Log, forget: () => void) {
    this.#workspaceId = workspaceId
    this.#rowOf = rowOf
    this.#reader = reader
    this.#log = log
    this.#forget = forget
    this.#closeSoon()
  }

  refresh(): Promise<void> {
    if (!this.#reading) return this.#begin()
    // The running statement can have missed the newest events, so the caller waits for the next one.
    this.#next ??= this.#reading
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.#reading ?? this.#begin()
      })
    return this.#next
  }

  async notify(): Promise<void> {
    this.#isNotified = true
    if (this.#isRefreshing) return
    this.#isRefreshing = true
    while (this.#isNotified && !this.#isClosed) {
      this.#isNotified = false
      try {
        await this.refresh()
      } catch (error) {
        limitLog(this.#log).warn({ error: String((error as Error).cause ?? error) }, 'subscriptions wait for Postgres')
        this.#isNotified = true
        await delay(retryMs, undefined, { ref: false })
      }
    }
    this.#isRefreshing = false
  }

  async findNewest(id: string | undefined): Promise<Event | undefined> {
    if (id !== undefined) return this.#reader.findNewest({ workspaceId: this.#workspaceId, id })
    await this.refresh()
    return this.#tail.at(-1)
  }

  async read(after: number, id: string | undefined): Promise<Stretch<Event>> {
    if (!this.#isLoaded) await this.refresh()
    const { position } = this
    if (after >= this.#floor) {
      const isWanted = (event: Event) => event.position > after && (id === undefined || this.#rowOf(event) === id)
      return { events: after < position ? this.#tail.filter(isWanted) : [], upTo: Math.max(after, position) }
    }
    const events = await this.#reader.readBehind({ workspaceId: this.#workspaceId, id, after })
    const last = events.at(-1)?.position ?? after
    return { events, upTo: events.length < batch ? Math.max(last, position) : last }
  }

  join(listener: FeedListener, id: string | undefined): () => void {
    clearTimeout(this.#linger)
    const others = this.#watchers.get(id) ?? new Set()
    this.#watchers.set(id, others.add(listener))
    return () => {
      if (!others.delete(listener)) return
      if (others.size === 0 && this.#watchers.get(id) === others) this.#watchers.delete(id)
      if (this.#watchers.size === 0) this.#closeSoon()
    }
  }

  close() {
    clearTimeout(this.#linger)
    if (this.#isClosed) return
    this.#isClosed = true
    this.#forget()
  }

  #closeSoon() {
    if (!this.#isClosed) this.#linger = setTimeout(() => this.close(), lingerMs).unref()
  }

  #begin(): Promise<void> {
    const reading = this.#load().finally(() => {
      this.#reading = undefined
    })
    this.#reading = reading
    // The caller receives the error. For listeners, the read is repeated.
    reading.catch(() => {
      if (this.#watchers.size) void this.notify()
    })
    return reading
  }

  async #load(): Promise<void> {
    if (!this.#isLoaded) return this.#loadTail()
    const place = () => ({ workspaceId: this.#workspaceId, after: this.position })
    for (let found = batch; found === batch; ) found = this.#append(await this.#reader.readBehind(place()))
  }

  /** Reads the newest events without calls to listeners: a subscriber reads after it has joined. */
  async #loadTail() {
    const newestFirst = await this.#reader.readTail(this.#workspaceId)
    // A full batch can omit older events; a smaller one is the whole log.
    const oldest = newestFirst.at(-1)
    this.#floor = newestFirst.length === batch && oldest ? oldest.position - 1 : 0
    this.#tail = newestFirst.reverse()
    this.position = this.#tail.at(-1)?.position ?? 0
    this.#isLoaded = true
  }

  #append(events: Event[]): number {
    const since = this.position
    this.#tail.push(...events)
    this.position = events.at(-1)?.position ?? since
    const dropped = this.#tail.splice(0, this.#tail.length - batch).at(-1)
    if (dropped) this.#floor = dropped.position
    if (events.length) this.#announce(since, events)
    return events.length
  }

  /** Calls the listeners before the next batch is read, so that the tail still has their events. */
  #announce(since: number, events: readonly Event[]) {
    for (const id of new Set([undefined, ...events.map(this.#rowOf)])) {
      for (const listener of [...(this.#watchers.get(id) ?? [])]) listener(since)
    }
  }
}
