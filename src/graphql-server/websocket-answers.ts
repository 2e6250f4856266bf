import { GraphQLError } from 'graphql'
import type { WebSocket } from 'ws'
import { isBacklogFull, waitForReader } from './backlog.ts'
import { endSlow, isEnding } from './websocket-subscription.ts'

/** A socket with more unread bytes is closed. */
const maxUnreadBytes = 4 * 2 ** 20
/** The number of queries and mutations of one socket that run at the same time. The others wait. */
const maxAtOnce = 4

/**
 * Limits the unread bytes of one socket, in number and in time. Queries and mutations start only while the backlog is
 * not full, so a slow client delays only its own queries. A socket whose client stops reading is closed.
 */
export class WebSocketAnswers {
  readonly #socket: WebSocket
  readonly #waiting: { start(): void; stop(error: Error): void }[] = []
  #running = 0
  #isWatching = false

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.once('close', () => {
      for (const { stop } of this.#waiting.splice(0)) stop(new GraphQLError('The socket was closed before the operation began.'))
    })
  }

  send(text: string) {
    const socket = this.#socket
    if (socket.readyState !== socket.OPEN || isEnding(socket)) return
    if (socket.bufferedAmount > maxUnreadBytes) return endSlow(socket)
    socket.send(text)
    if (isBacklogFull(socket.bufferedAmount)) void this.#watch()
  }

  /** Executes a query or mutation as soon as the limit allows. */
  async run<T>(execute: () => T | Promise<T>): Promise<T> {
    await this.#begin()
    try {
      return await execute()
    } finally {
      // The result is sent before the next operation starts.
      setImmediate(() => {
        this.#running--
        this.#startNext()
      })
    }
  }

  async #begin(): Promise<void> {
    if (this.#isFree()) this.#running++
    else await new Promise<void>((start, stop) => this.#waiting.push({ start, stop }))
  }

  #isFree = () => this.#running < maxAtOnce && !this.#isWatching

  #startNext() {
    while (this.#waiting.length && this.#isFree()) {
      this.#running++
      this.#waiting.shift()?.start()
    }
  }

  async #watch(): Promise<void> {
    if (this.#isWatching) return
    this.#isWatching = true
    const socket = this.#socket
    const isReading = await waitForReader(
      () => socket.bufferedAmount,
      () => socket.readyState === socket.OPEN && !isEnding(socket),
    )
    this.#isWatching = false
    if (isReading) this.#startNext()
    else endSlow(socket)
  }
}
