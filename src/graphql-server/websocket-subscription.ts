import type { ExecutionResult } from 'graphql'
import type { WebSocket } from 'ws'
import { toShownError } from './error-masking.ts'
import type { Peer } from './peer.ts'

/** Of our own: a peer that did not take what it was sent. It may come back with its cursor. */
const slowConsumer = 4413
const slowReason = 'Slow consumer: too much waits to be read. Connect again, with your last cursor.'
/** How long it may take to read what waits for it, and why it is let go. */
const graceMs = 10_000
const over = { done: true, value: undefined } as const

/**
 * One subscription of a socket. For graphql-ws it is a stream that yields nothing, begins when it is first
 * read, ends when nothing more will come, and is left when it is returned: the results go past it. One
 * object without closures, since there may be very many.
 */
export class WebSocketSubscription implements Peer, AsyncIterableIterator<never, void> {
  readonly #socket: WebSocket
  /** The part of each message that is its own, before the part that all share. */
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

/** As graphql-ws writes it: errors last. */
export const toPayload = ({ errors, ...result }: ExecutionResult) => (errors ? { ...result, errors: errors.map(toShownError) } : result)

const format = (result: ExecutionResult) => `${JSON.stringify(toPayload(result))}}`

const ending = new WeakSet<WebSocket>()

/** True for a socket that is being closed because it does not read. */
export const isEnding = (socket: WebSocket) => ending.has(socket)

/** Closes a socket in words once it has read what waits for it, or without words when it does not. */
export function endSlow(socket: WebSocket) {
  if (ending.has(socket)) return
  ending.add(socket)
  // It asks for nothing more before it has read what it asked for.
  socket.pause()
  const late = setTimeout(() => socket.terminate(), graceMs).unref()
  socket.once('close', () => clearTimeout(late))
  // Sent behind all that waits, so the clock of the closing begins when it has been read.
  socket.ping('', false, () => {
    socket.resume()
    socket.close(slowConsumer, slowReason)
  })
}
