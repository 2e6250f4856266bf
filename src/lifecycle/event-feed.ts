import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'
import type { Store } from '../postgres/store.ts'
import { batch, createEventReader, type EventReader, type FeedLog } from './event-feed-reader.ts'
import { type EventScope, type LoggedEvent, workspaceTopic } from './event-log.ts'

/**
 * One log as a watcher of all rows or of one row sees it. Every watcher of a workspace in this process reads the same
 * feed, so a change costs one statement however many watch, and whichever rows they watch.
 */
export interface Feed<Event extends LoggedEvent = LoggedEvent> {
  /** Reads what Postgres has now; callers at the same time share one statement. */
  refresh(): Promise<void>
  /** All events of the workspace up to here have been read. */
  readonly position: number
  /** The newest event that Postgres has; callers at the same time share one statement. */
  findNewest(): Promise<Event | undefined>
  read(after: number): Promise<Stretch<Event>>
  /** Returns the way to leave. */
  join(listener: FeedListener): () => void
}

/** A part of a log. */
export interface Stretch<Event extends LoggedEvent = LoggedEvent> {
  /** In order; none when there are no others yet. */
  events: readonly Event[]
  /** Nothing else up to this position concerns the watcher. */
  upTo: number
}

/** Called after events have been read that concern the watcher. Those up to `since` were announced before. */
type FeedListener = (since: number) => void

export interface Feeds {
  /** To be joined soon: a feed without watchers is closed. */
  of<Event extends LoggedEvent>(eventLog: FeedLog<Event>, scope: EventScope): Feed<Event>
  close(): Promise<void>
}

/** Between a watcher's first look and its joining, and for one that comes back at once. */
const lingerMs = 2_000
/** While Postgres is away there is nothing new; mostly the ring of its return comes first. */
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

/** Without closures, since there may be very many. */
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

/** The log of one workspace. Events never change, so the newest are kept, and most watchers are served from memory. */
class WorkspaceFeed<Event extends LoggedEvent> {
  readonly #workspaceId: string
  readonly #rowOf: (event: Event) => string
  readonly #reader: EventReader<Event>
  readonly #log: Log
  readonly #forget: () => void
  /** Watchers by the row that they watch, or under `undefined` those of all rows. */
  readonly #watchers = new Map<string | undefined, Set<FeedListener>>()
  #tail: Event[] = []
  /** The tail has every event behind this position. */
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
    // The statement under way may have looked already: the one after it tells the present.
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
        limitLog(this.#log).warn({ error: String((error as Error).cause ?? error) }, 'watchers wait for Postgres')
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
    // Whoever asked is told; for those who only wait it is tried again.
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

  /** Announced to nobody: a watcher that has joined reads before it waits. */
  async #loadTail() {
    const newestFirst = await this.#reader.readTail(this.#workspaceId)
    // A full batch may leave older ones out; anything else is the whole log.
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

  /** Before the next batch is read, so that the tail still has what each watcher is told of. */
  #announce(since: number, events: readonly Event[]) {
    for (const id of new Set([undefined, ...events.map(this.#rowOf)])) {
      for (const listener of [...(this.#watchers.get(id) ?? [])]) listener(since)
    }
  }
}
