import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { createSourceEventStream, type ExecutionResult, type GraphQLError } from 'graphql'
import { type Newest, readWithRetry, Watch } from '../domain/subscription.ts'
import type { Feed } from '../lifecycle/event-feed.ts'
import type { LoggedEvent } from '../lifecycle/event-log.ts'
import { waitForReader } from './backlog.ts'
import { createExecution, type ToContext } from './event-execution.ts'
import { keyOf, type Operation } from './operation.ts'

/** How a result is written for one kind of peer. */
type Format = (result: ExecutionResult) => string

/** Where one watcher's results go. */
export interface Peer {
  format: Format
  send(text: string): void
  /** Bytes that wait to be taken. */
  backlog(): number
  /** Tells it that it is too slow and lets it go; whatever else waits for it is lost. */
  endSlow(): void
  /** Nothing more will come; with an error, because that went wrong. */
  end(error?: unknown): void
}

export interface Broadcasts {
  /**
   * What the subscription watches; undefined when it is not to be shared, because it is another one or
   * was refused, and has to be answered the usual way.
   */
  open(operation: Operation): Promise<Watch | undefined>
  /** Sends everything to the peer from now on. Returns the way to leave. */
  join(operation: Operation, watch: Watch, peer: Peer): () => void
}

/** More than this behind while others go on, and a watcher is let go. */
const maxBehind = 512 * 1024
/** Results are for those who come a moment later, too; after that a deployment may look different. */
const sharedMs = 1_000
const maxShared = 64
/** Events that are executed together; their results wait in memory for their turn. */
const maxAtOnce = 50
/** Then others have their turn. */
const turn = 256

/** Executes and encodes each event once for all who ask for the same with the same rights, however many they are. */
export function createBroadcasts(toContext: ToContext, mask: (error: GraphQLError) => Error): Broadcasts {
  const run = createExecution(toContext, mask)
  const open = new Map<string, Broadcast>()
  return {
    async open(operation) {
      // Its own refusal is the answer the usual way gives, so one mistake is enough.
      const source = await createSourceEventStream({ ...operation, options: { maxCoercionErrors: 1 } })
      return source instanceof Watch ? source : undefined
    },
    join(operation, watch, peer) {
      const key = keyOf(operation)
      const known = open.get(key)
      if (known) return known.join(watch, peer)
      // Kept as long as the broadcast, so nothing else of the operation is.
      const { schema, document, operationName, variableValues, viewer } = operation
      const broadcast = new Broadcast(
        (event) => run(viewer, { schema, document, operationName, variableValues }, event),
        watch,
        () => open.delete(key),
      )
      open.set(key, broadcast)
      return broadcast.join(watch, peer)
    },
  }
}

type Run = (event: LoggedEvent) => Promise<ExecutionResult>

interface Member {
  peer: Peer
  seen: number
}

/** A result, written once for each kind of peer. */
interface Shared {
  result: Promise<ExecutionResult>
  texts: Map<Format, string>
}

class Broadcast {
  readonly #run: Run
  readonly #watch: Watch
  readonly #feed: Feed
  readonly #close: () => void
  readonly #members = new Set<Member>()
  /** Those who have everything up to the position, and get the next together. */
  readonly #live = new Set<Member>()
  readonly #shared = new Map<number, Shared>()
  #newest: Newest | undefined
  #position = 0
  #isSending = false

  constructor(run: Run, watch: Watch, closed: () => void) {
    this.#run = run
    this.#watch = watch
    this.#feed = watch.openFeed()
    const leave = this.#feed.join((since) => {
      // At rest, everything that was announced before has been sent.
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

  #letGo(member: Member) {
    this.#leave(member)
    member.peer.endSlow()
  }

  #fail(error: unknown) {
    this.#isSending = false
    for (const member of [...this.#live]) this.#end(member, error)
  }

  #notice({ position, status }: Newest) {
    if (position >= (this.#newest?.position ?? 0)) this.#newest = { position, status }
  }

  /** Sends what a new member has not seen, at its own pace, until it can go on with the others. */
  async #catchUp(member: Member): Promise<void> {
    while (this.#members.has(member)) {
      const { events, upTo } = await readWithRetry(this.#feed, member.seen)
      for (const { event, shared } of this.#shareInTurn(events)) {
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
    if (!isReading) this.#letGo(member)
    return this.#members.has(member)
  }

  async #sendNews(): Promise<void> {
    if (this.#isSending) return
    this.#isSending = true
    while (this.#live.size && this.#feed.position > this.#position) {
      const { events, upTo } = await readWithRetry(this.#feed, this.#position)
      for (const { event, shared } of this.#shareInTurn(events)) {
        if (shared) await this.#sendToAll(event, shared)
        this.#position = event.position
      }
      this.#position = upTo
      if (!this.#watch.isOver(this.#newest, this.#position)) continue
      for (const member of [...this.#live]) this.#end(member)
    }
    this.#isSending = false
  }

  async #sendToAll(event: LoggedEvent, shared: Shared): Promise<void> {
    await shared.result
    let sent = 0
    for (const member of [...this.#live]) {
      // It may have left meanwhile, or have got this one while it caught up.
      if (!this.#live.has(member) || member.seen >= event.position) continue
      if (member.peer.backlog() > maxBehind) {
        this.#letGo(member)
        continue
      }
      member.seen = event.position
      member.peer.send(shared.texts.get(member.peer.format) ?? (await write(shared, member.peer.format)))
      if (++sent % turn === 0) await yieldToOthers()
    }
  }

  /** Executes some events at a time, together, so that they share look-ups. Events that are not included have no result. */
  *#shareInTurn(events: readonly LoggedEvent[]): Generator<{ event: LoggedEvent; shared: Shared | undefined }> {
    for (let begun = 0; begun < events.length; begun += maxAtOnce) {
      const some = events.slice(begun, begun + maxAtOnce)
      for (const event of some) this.#notice(event)
      yield* some.map((event) => ({ event, shared: this.#watch.includes(event) ? this.#share(event) : undefined }))
    }
  }

  #share(event: LoggedEvent): Shared {
    const known = this.#shared.get(event.position)
    if (known) return known
    if (this.#shared.size === 0) setTimeout(() => this.#shared.clear(), sharedMs).unref()
    else if (this.#shared.size >= maxShared) this.#shared.delete(this.#shared.keys().next().value ?? 0)
    const shared = { result: this.#run(event), texts: new Map() }
    // Awaited in its turn; until then it is nobody's fault.
    shared.result.catch(() => {})
    this.#shared.set(event.position, shared)
    return shared
  }
}

async function write({ result, texts }: Shared, format: Format): Promise<string> {
  const known = texts.get(format)
  if (known !== undefined) return known
  const text = format(await result)
  texts.set(format, text)
  return text
}
