import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type { ExecutionResult, GraphQLError } from 'graphql'
import { type Newest, readWithRetry, toNewest, type Watch } from '../domain/subscription.ts'
import type { Feed } from '../lifecycle/event-feed.ts'
import type { LoggedEvent } from '../lifecycle/event-log.ts'
import { waitForReader } from './backlog.ts'
import { createEventExecution, type ToContext } from './event-execution.ts'
import { keyOf, type Operation } from './operation.ts'
import type { Format, Peer } from './peer.ts'

export interface Broadcasts {
  /** Sends the events after the position of the watch to the peer. Returns the function that removes the peer. */
  join(operation: Operation, watch: Watch, peer: Peer): () => void
}

/** A live peer with more unread bytes is ended, while the other peers continue. */
const maxBacklogBytes = 512 * 1024
/** How long results serve peers that join later. An older result could contain an outdated deployment. */
const resultLifetimeMs = 1_000
const maxResults = 64
/** The number of events that are executed together. Their results stay in memory until they are sent. */
const maxAtOnce = 50
/** After this number of peers, sending yields to other work of the event loop. */
const peersPerTurn = 256

/** The shared broadcasts. Each event is executed and encoded once for all subscribers with the same operation and rights. */
export function createBroadcasts(toContext: ToContext, mask: (error: GraphQLError) => Error): Broadcasts {
  const execute = createEventExecution(toContext, mask)
  const open = new Map<string, Broadcast>()
  return {
    join(operation, watch, peer) {
      const key = keyOf(operation)
      const known = open.get(key)
      if (known) return known.join(watch, peer)
      // The broadcast stays in memory as long as its peers, so it keeps only these parts of the operation.
      const { schema, document, operationName, variableValues, viewer } = operation
      const broadcast = new Broadcast(
        (event) => execute(viewer, { schema, document, operationName, variableValues }, event),
        watch,
        () => open.delete(key),
      )
      open.set(key, broadcast)
      return broadcast.join(watch, peer)
    },
  }
}

type ExecuteEvent = (event: LoggedEvent) => Promise<ExecutionResult>

interface Member {
  peer: Peer
  /** The position of the last event that the peer has received. */
  seen: number
}

/** The result of one event, with one text for each format. */
interface SharedResult {
  result: Promise<ExecutionResult>
  texts: Map<Format, string>
}

class Broadcast {
  readonly #execute: ExecuteEvent
  readonly #watch: Watch
  readonly #feed: Feed
  readonly #close: () => void
  readonly #members = new Set<Member>()
  /** The members that have received every event up to the position, and receive the next event together. */
  readonly #live = new Set<Member>()
  readonly #results = new Map<number, SharedResult>()
  #newest: Newest | undefined
  #position = 0
  #isSending = false

  constructor(execute: ExecuteEvent, watch: Watch, closed: () => void) {
    this.#execute = execute
    this.#watch = watch
    this.#feed = watch.openFeed()
    const leave = this.#feed.join((since) => {
      // While no event is being sent, all events up to `since` have been sent.
      if (!this.#isSending) this.#position = Math.max(this.#position, since)
      this.#sendNews().catch((error) => this.#fail(error))
    })
    this.#close = () => {
      leave()
      closed()
    }
  }

  join({ from, newest }: Watch, peer: Peer): () => void {
    const member = { peer, seen: from }
    this.#members.add(member)
    if (newest) this.#notice(newest)
    this.#catchUp(member).catch((error) => this.#end(member, error))
    return () => this.#leave(member)
  }

  #leave(member: Member) {
    this.#live.delete(member)
    if (this.#members.delete(member) && this.#members.size === 0) this.#close()
  }

  #end(member: Member, error?: unknown) {
    if (!this.#members.has(member)) return
    this.#leave(member)
    member.peer.end(error)
  }

  #endSlow(member: Member) {
    this.#leave(member)
    member.peer.endSlow()
  }

  #fail(error: unknown) {
    this.#isSending = false
    for (const member of [...this.#live]) this.#end(member, error)
  }

  #notice(newest: Newest) {
    if (newest.position >= (this.#newest?.position ?? 0)) this.#newest = toNewest(newest)
  }

  /** Sends a new member the events that it lacks, as fast as the member reads, until it can join the live members. */
  async #catchUp(member: Member): Promise<void> {
    while (this.#members.has(member)) {
      const { events, upTo } = await readWithRetry(this.#feed, member.seen)
      for (const { event, shared } of this.#executeInBatches(events)) {
        const text = shared && (await write(shared, member.peer.format))
        if (text !== undefined && !(await this.#isReady(member))) return
        if (text !== undefined) member.peer.send(text)
        member.seen = event.position
      }
      member.seen = upTo
      if (events.length || this.#feed.position > member.seen) continue
      if (this.#watch.isOver(this.#newest, member.seen)) return this.#end(member)
      if (this.#live.size === 0 && !this.#isSending) this.#position = this.#feed.position
      if (this.#members.has(member)) this.#live.add(member)
      return
    }
  }

  async #isReady(member: Member): Promise<boolean> {
    const isReading = await waitForReader(
      () => member.peer.backlog(),
      () => this.#members.has(member),
    )
    if (!isReading) this.#endSlow(member)
    return this.#members.has(member)
  }

  async #sendNews(): Promise<void> {
    if (this.#isSending) return
    this.#isSending = true
    while (this.#live.size && this.#feed.position > this.#position) {
      const { events, upTo } = await readWithRetry(this.#feed, this.#position)
      for (const { event, shared } of this.#executeInBatches(events)) {
        if (shared) await this.#sendToAll(event, shared)
        this.#position = event.position
      }
      this.#position = upTo
      if (!this.#watch.isOver(this.#newest, this.#position)) continue
      for (const member of [...this.#live]) this.#end(member)
    }
    this.#isSending = false
  }

  async #sendToAll(event: LoggedEvent, shared: SharedResult): Promise<void> {
    await shared.result
    let sent = 0
    for (const member of [...this.#live]) {
      // The member can have left, or have received this event while it caught up.
      if (!this.#live.has(member) || member.seen >= event.position) continue
      if (member.peer.backlog() > maxBacklogBytes) {
        this.#endSlow(member)
        continue
      }
      member.seen = event.position
      member.peer.send(shared.texts.get(member.peer.format) ?? (await write(shared, member.peer.format)))
      if (++sent % peersPerTurn === 0) await yieldToOthers()
    }
  }

  /** Executes events in batches, so that they share look-ups. Events that the watch does not include have no result. */
  *#executeInBatches(events: readonly LoggedEvent[]): Generator<{ event: LoggedEvent; shared: SharedResult | undefined }> {
    for (let begun = 0; begun < events.length; begun += maxAtOnce) {
      const batch = events.slice(begun, begun + maxAtOnce)
      for (const event of batch) this.#notice(event)
      yield* batch.map((event) => ({ event, shared: this.#watch.includes(event) ? this.#share(event) : undefined }))
    }
  }

  #share(event: LoggedEvent): SharedResult {
    const known = this.#results.get(event.position)
    if (known) return known
    if (this.#results.size === 0) setTimeout(() => this.#results.clear(), resultLifetimeMs).unref()
    else if (this.#results.size >= maxResults) this.#results.delete(this.#results.keys().next().value ?? 0)
    const shared = { result: this.#execute(event), texts: new Map() }
    // `#sendToAll` and `#catchUp` handle the error when they await the result.
    shared.result.catch(() => {})
    this.#results.set(event.position, shared)
    return shared
  }
}

async function write({ result, texts }: SharedResult, format: Format): Promise<string> {
  const known = texts.get(format)
  if (known !== undefined) return known
  const text = format(await result)
  texts.set(format, text)
  return text
}
