import type { ExecutionResult } from 'graphql'
import type { WebSocket } from 'ws'
import type { Peer } from './broadcast.ts'

/** Of our own: a peer that did not take what it was sent. It may come back with its cursor. */
const slowConsumer = 4413
const slowReason = 'Slow consumer: too much waits to be read. Connect again, with your last cursor.'
/** How long it may take to read what waits for it, and why it is let go. */
const graceMs = 10_000

/** One subscription of a socket: the part of each message that is its own, before the part that all share. */
function createSocketPeer(socket: WebSocket, id: string, end: Peer['end']): Peer {
  const head = `{"id":${JSON.stringify(id)},"type":"next","payload":`
  return {
    format,
    send(text) {
      if (socket.readyState === socket.OPEN) socket.send(head + text)
    },
    backlog: () => socket.bufferedAmount,
    endSlow: () => endSlow(socket),
    end,
  }
}

/** As graphql-ws writes it: errors last. */
function format({ errors, ...result }: ExecutionResult): string {
  return `${JSON.stringify({ ...result, ...(errors ? { errors: errors.map((error) => error.toJSON()) } : {}) })}}`
}

const ending = new WeakSet<WebSocket>()

function endSlow(socket: WebSocket) {
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

/**
 * A stream for graphql-ws that yields nothing, since the results go past it: it begins when it is first
 * read, ends when nothing more will come, and leaves when it is returned.
 */
export function watchShared(socket: WebSocket, id: string, join: (peer: Peer) => () => void): AsyncGenerator<never, void, void> {
  const { promise: ended, resolve, reject } = Promise.withResolvers<IteratorResult<never, void>>()
  const over = { done: true, value: undefined } as const
  let leave: (() => void) | undefined
  let isReturned = false
  return {
    next() {
      if (!isReturned) leave ??= join(createSocketPeer(socket, id, (error) => (error ? reject(error) : resolve(over))))
      return ended
    },
    async return() {
      isReturned = true
      leave?.()
      resolve(over)
      return over
    },
    async throw(error) {
      leave?.()
      reject(error)
      throw error
    },
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      await this.return()
    },
  }
}
