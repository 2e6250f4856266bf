import { setTimeout as delay } from 'node:timers/promises'
import { asc, desc, gt } from 'drizzle-orm'
import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'
import type { Store } from '../postgres/store.ts'
import { type EventLog, type LoggedEvent, rowTopic, type Scope, workspaceTopic } from './event-log.ts'

/** What a feed reads of a log. */
type ReadLog<Event extends LoggedEvent> = Pick<EventLog<never, Event>, 'name' | 'select' | 'columns'>

/**
 * One log, read once for all who watch it in this process. Events never change, so the newest are kept,
 * and most watchers are served from memory wherever in the log they are.
 */
export interface Feed<Event extends LoggedEvent = LoggedEvent> {
  /** Reads what Postgres has now; those who ask at the same time share one statement. */
  refresh(): Promise<void>
  /** The newest event that has been read. */
  readonly newest: Event | undefined
  /** Everything up to here has been read. */
  readonly position: number
  /** Some of the events behind a position, in order; none when there are no others yet. */
  read(after: number): Promise<readonly Event[]>
  /** Calls `heard` after events have been read. Returns the way to leave. */
  join(heard: () => void): () => void
}

export interface Feeds {
  /** To be joined soon: one that nobody watches is forgotten. */
  of<Event extends LoggedEvent>(eventLog: ReadLog<Event>, scope: Scope): Feed<Event>
  close(): Promise<void>
}

const batch = 200
/** Between a watcher's first look and its joining, and for one that comes back at once. */
const lingerMs = 2_000
/** While Postgres is away there is nothing new; mostly the ring of its return comes first. */
const retryMs = 1_000

export function openFeeds({ db, events }: Pick<Store, 'db' | 'events'>, log: Log): Feeds {
  const feeds = new Map<string, OpenFeed<LoggedEvent>>()
  return {
    of<Event extends LoggedEvent>(eventLog: ReadLog<Event>, scope: Scope) {
      const topic = scope.id === undefined ? workspaceTopic(eventLog.name, scope.workspaceId) : rowTopic(eventLog.name, scope.id)
      // Whoever asks for a stranger's deployment shares nothing with its owner.
      const key = `${scope.workspaceId} ${topic}`
      const known = feeds.get(key)
      if (known) return known as unknown as OpenFeed<Event>
      const feed = new OpenFeed(createReader(db, eventLog, scope), log, () => {
        feeds.delete(key)
        unwatch()
      })
      const unwatch = events.watch(topic, () => void feed.ring())
      feeds.set(key, feed as unknown as OpenFeed<LoggedEvent>)
      return feed
    },
    async close() {
      for (const feed of [...feeds.values()]) feed.close()
    },
  }
}

interface Reader<Event> {
  /** The newest batch, newest first. */
  readNewest(): Promise<Event[]>
  /** The batch behind a position. */
  readBehind(after: number): Promise<Event[]>
}

function createReader<Event extends LoggedEvent>(db: Store['db'], { select, columns: { position } }: ReadLog<Event>, scope: Scope): Reader<Event> {
  return {
    readNewest: () => select(db, scope, undefined, [desc(position)], batch),
    readBehind: (after) => select(db, scope, gt(position, after), [asc(position)], batch),
  }
}

class OpenFeed<Event extends LoggedEvent> implements Feed<Event> {
  readonly #reader: Reader<Event>
  readonly #log: Log
  readonly #forget: () => void
  readonly #watchers = new Set<() => void>()
  #tail: Event[] = []
  /** The tail has every event behind this position. */
  #floor = 0
  #isLoaded = false
  #rung = false
  #ringing = false
  #reading: Promise<void> | undefined
  #next: Promise<void> | undefined
  #closed = false
  #linger: NodeJS.Timeout | undefined
  position = 0

  constructor(reader: Reader<Event>, log: Log, forget: () => void) {
    this.#reader = reader
    this.#log = log
    this.#forget = forget
    this.#closeSoon()
  }

  get newest() {
    return this.#tail.at(-1)
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

  async ring(): Promise<void> {
    this.#rung = true
    if (this.#ringing) return
    this.#ringing = true
    while (this.#rung && !this.#closed) {
      this.#rung = false
      try {
        await this.refresh()
      } catch (error) {
        limitLog(this.#log).warn({ error: String((error as Error).cause ?? error) }, 'watchers wait for Postgres')
        this.#rung = true
        await delay(retryMs, undefined, { ref: false })
      }
    }
    this.#ringing = false
  }

  async read(after: number): Promise<readonly Event[]> {
    if (!this.#isLoaded) await this.refresh()
    return after < this.#floor ? this.#reader.readBehind(after) : after < this.position ? this.#tail.filter(({ position }) => position > after) : []
  }

  join(heard: () => void): () => void {
    clearTimeout(this.#linger)
    this.#watchers.add(heard)
    return () => {
      if (this.#watchers.delete(heard) && this.#watchers.size === 0) this.#closeSoon()
    }
  }

  close() {
    clearTimeout(this.#linger)
    if (this.#closed) return
    this.#closed = true
    this.#forget()
  }

  #closeSoon() {
    if (!this.#closed) this.#linger = setTimeout(() => this.close(), lingerMs).unref()
  }

  #begin(): Promise<void> {
    const reading = this.#load().finally(() => {
      this.#reading = undefined
    })
    this.#reading = reading
    // Whoever asked is told; for those who only wait it is tried again.
    reading.catch(() => {
      if (this.#watchers.size) void this.ring()
    })
    return reading
  }

  async #load(): Promise<void> {
    const before = this.position
    if (!this.#isLoaded) await this.#loadTail()
    else for (let found = batch; found === batch; ) found = this.#append(await this.#reader.readBehind(this.position))
    if (this.position > before) for (const heard of [...this.#watchers]) heard()
  }

  async #loadTail() {
    const newestFirst = await this.#reader.readNewest()
    // A full batch may leave older ones out; anything else is the whole log.
    const oldest = newestFirst.at(-1)
    this.#floor = newestFirst.length === batch && oldest ? oldest.position - 1 : 0
    this.#tail = newestFirst.reverse()
    this.position = this.newest?.position ?? 0
    this.#isLoaded = true
  }

  #append(events: Event[]): number {
    this.#tail.push(...events)
    this.position = this.newest?.position ?? 0
    const dropped = this.#tail.splice(0, this.#tail.length - batch).at(-1)
    if (dropped) this.#floor = dropped.position
    return events.length
  }
}
