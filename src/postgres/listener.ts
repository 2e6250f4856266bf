import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'
import { type Connection, openConnection } from './connection.ts'

const reconnectMs = 250
const heartbeatMs = 5_000
/** How long closing waits for a server that does not answer. */
const closeMs = 1_000

export interface ListenOptions {
  /** As pg_stat_activity shows the connection. */
  name: string
  channel: string
  hear(payload: string): void
  /** Called on each new connection before it listens. */
  prepare?(connection: Connection): Promise<void>
  /** Called after each reconnection, since notifications were lost before it. */
  reconnected(): void
}

export interface Listener {
  /** The connection at present; for what lives as long as it does. */
  readonly connection: Connection
  close(): Promise<void>
}

/** Listens on a channel with a separate connection, and replaces the connection when it breaks or falls silent. */
export async function openListener(url: string, log: Log, options: ListenOptions): Promise<Listener> {
  const closing = new AbortController()
  let connection = await listen(url, options)
  const staying = (async () => {
    while (!closing.signal.aborted) {
      const reason = await connection.lost
      if (closing.signal.aborted) return
      limitLog(log).warn({ reason: reason.message }, 'the connection for notifications was lost')
      for (let next: Connection | undefined; !next && !closing.signal.aborted; ) {
        await delay(reconnectMs, undefined, { signal: closing.signal }).catch(() => {})
        next = await listen(url, options).catch(() => undefined)
        if (next) connection = next
        if (closing.signal.aborted) await next?.close(0)
      }
      if (!closing.signal.aborted) options.reconnected()
    }
  })()
  return {
    get connection() {
      return connection
    },
    async close() {
      closing.abort()
      await connection.close(0)
      await Promise.race([staying, delay(closeMs, undefined, { ref: false })])
      // One that was opened meanwhile.
      await connection.close(0)
    },
  }
}

async function listen(url: string, { name, channel, hear, prepare }: ListenOptions): Promise<Connection> {
  let isListening = true
  const connection = await openConnection(url, { name, answerMs: heartbeatMs, hear: (payload) => isListening && hear(payload) })
  // A server that is out of reach sends nothing, not even an end. A statement without an answer ends the connection.
  const heartbeat = setInterval(() => connection.send('select').catch(() => {}), heartbeatMs).unref()
  void connection.lost.then(() => {
    isListening = false
    clearInterval(heartbeat)
  })
  try {
    await prepare?.(connection)
    await connection.send(`listen "${channel.replaceAll('"', '""')}"`)
    return connection
  } catch (error) {
    connection.break(error as Error)
    throw error
  }
}
