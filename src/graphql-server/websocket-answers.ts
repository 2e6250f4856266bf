import { GraphQLError } from 'graphql'
import type { WebSocket } from 'ws'
import { hasEnough, waitForReader } from './backlog.ts'
import { endSlow, isEnding } from './websocket-subscription.ts'

/** A socket with more than this unread is closed. */
const maxUnreadBytes = 4 * 2 ** 20
/** Queries and mutations of one socket that are executed at the same time; others wait. */
const maxAtOnce = 4

/**
 * Bounds what one socket is sent and does not read, in bytes and in time. Queries and mutations begin only while
 * little is unread, so a client that reads slowly slows its own queries down; one that stops reading is closed.
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
    if (hasEnough(socket.bufferedAmount)) void this.#watch()
  }

  /** Executes an operation that has one result when it is its turn. */
  async run<T>(execute: () => T | Promise<T>): Promise<T> {
    await this.#begin()
    try {
      return await execute()
    } finally {
      // Its result is sent before the next one begins.
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
