import type { ExecutionResult } from 'graphql'
import type { WebSocket } from 'ws'
import { toShownError } from './error-masking.ts'
import type { Peer } from './peer.ts'

/** The private close code for a client that reads too slowly. The client can connect again with its last cursor. */
const slowConsumer = 4413
const slowReason = 'Slow consumer: the client reads too slowly. Connect again with the last cursor.'
/** The time in which the client can read the backlog and the close reason. */
const graceMs = 10_000
const over = { done: true, value: undefined } as const

/**
 * One subscription of a socket. For graphql-ws, the subscription is a stream without results that starts at the first
 * `next`, ends after the last event, and leaves the broadcast at `return`. The results bypass graphql-ws. The class uses
 * no closures, because one process can have very many subscriptions.
 */
export class WebSocketSubscription implements Peer, AsyncIterableIterator<never, void> {
  readonly #socket: WebSocket
  /** The beginning of each message, with the id. All subscribers share the rest. */
  readonly #head: string
  readonly #ended = Promise.withResolvers<IteratorResult<never, void>>()
  #join: ((stream: WebSocketSubscription) => () => void) | undefined
  #leave: (() => void) | undefined

  constructor(socket: WebSocket, id: string, join: (stream: WebSocketSubscription) => () => void) {
    this.#socket = socket
    this.#head = `{"id":${JSON.stringify(id)},"type":"next","payload":`
    this.#join = join
  }

  get format() {
    return format
  }

  send(text: string) {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(this.#head + text)
  }

  backlog() {
    return this.#socket.bufferedAmount
  }

  endSlow() {
    endSlow(this.#socket)
  }

  end(error?: unknown) {
    if (error) this.#ended.reject(error)
    else this.#ended.resolve(over)
  }

  next() {
    const join = this.#join
    this.#join = undefined
    this.#leave ??= join?.(this)
    return this.#ended.promise
  }

  async return() {
    this.#join = undefined
    this.#leave?.()
    this.end()
    return over
  }

  [Symbol.asyncIterator]() {
    return this
  }
}

/** The format of graphql-ws: errors last. */
export const toPayload = ({ errors, ...result }: ExecutionResult) => (errors ? { ...result, errors: errors.map(toShownError) } : result)

const format = (result: ExecutionResult) => `${JSON.stringify(toPayload(result))}}`

const ending = new WeakSet<WebSocket>()

/** True for a socket that is closing because its client reads too slowly. */
export const isEnding = (socket: WebSocket) => ending.has(socket)

/** Closes a socket with a reason after the client has read the backlog. Terminates the socket if the client does not. */
export function endSlow(socket: WebSocket) {
  if (ending.has(socket)) return
  ending.add(socket)
  // No further messages are received before the client has read the backlog.
  socket.pause()
  const late = setTimeout(() => socket.terminate(), graceMs).unref()
  socket.once('close', () => clearTimeout(late))
  // The ping follows the backlog, so the close timeout starts after the backlog has been read.
  socket.ping('', false, () => {
    socket.resume()
    socket.close(slowConsumer, slowReason)
  })
}
