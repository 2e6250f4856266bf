import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { Client } from 'pg'
import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'
import type { Db } from './client.ts'
import { applySessionSettings } from './connection.ts'

const channel = 'custom_speech'
/** Covers what nobody foresaw: every watcher is rung this often even without a notice. */
const backstopMs = 30_000
const reconnectMs = 250
const heartbeatMs = 5_000
/** A server that does not answer keeps nobody from closing for longer than this. */
const closeMs = 1_000

/** The two numbers of an advisory lock. */
export type AdvisoryLock = readonly [number, number]

export interface Events {
  /**
   * Calls `ring` when there may be news about the topic, and after every reconnection, when notices
   * may have been lost. A ring carries nothing: the reader looks at the log. Returns the way to stop.
   */
  watch(topic: string, ring: () => void): () => void
  /**
   * Holds a shared advisory lock for as long as this process lives, which tells the others that it does;
   * after a lost connection it is taken again.
   */
  hold(lock: AdvisoryLock): Promise<void>
  close(): Promise<void>
}

/** Rings the topics' watchers in every process when the transaction commits. */
export async function ring(tx: Db, topics: readonly string[]): Promise<void> {
  await tx.execute(sql`select pg_notify(${channel}, ${topics.join(' ')})`)
}

/** One LISTEN connection for the process, fanned out by topic; when it breaks, it is opened again. */
export async function openEvents(url: string, log: Log): Promise<Events> {
  const watchers = new Map<string, Set<() => void>>()
  const closing = new AbortController()
  const ringTopic = (topic: string) => {
    for (const ring of [...(watchers.get(topic) ?? [])]) ring()
  }
  const ringAll = () => {
    for (const topic of [...watchers.keys()]) ringTopic(topic)
  }
  const locks: AdvisoryLock[] = []
  const listen = () => openListener(url, locks, (topics) => topics.split(' ').forEach(ringTopic))

  let listener = await listen()
  const listening = (async () => {
    while (!closing.signal.aborted) {
      const reason = await listener.lost
      if (closing.signal.aborted) return
      limitLog(log).warn({ reason }, 'the connection for notices was lost')
      for (let opened = false; !opened && !closing.signal.aborted; ) {
        await delay(reconnectMs, undefined, { signal: closing.signal }).catch(() => {})
        await listen().then(
          (next) => {
            listener = next
            opened = true
          },
          () => {},
        )
      }
      // Whatever was said while nobody listened is in the log.
      ringAll()
    }
  })()
  const backstop = setInterval(ringAll, backstopMs).unref()

  return {
    watch(topic, ring) {
      const rings = watchers.get(topic) ?? new Set()
      watchers.set(topic, rings.add(ring))
      return () => {
        rings.delete(ring)
        if (rings.size === 0 && watchers.get(topic) === rings) watchers.delete(topic)
      }
    },
    async hold(lock) {
      locks.push(lock)
      await listener.hold(lock)
    },
    async close() {
      clearInterval(backstop)
      closing.abort()
      listener.close('closed')
      await Promise.race([listening, delay(closeMs, undefined, { ref: false })])
      // One that was opened meanwhile.
      listener.close('closed')
    },
  }
}

interface Listener {
  /** Settles with the reason when nothing more will be heard. */
  lost: Promise<string>
  hold(lock: AdvisoryLock): Promise<unknown>
  close(reason: string): void
}

async function openListener(url: string, locks: readonly AdvisoryLock[], hear: (payload: string) => void): Promise<Listener> {
  const client = new Client({
    connectionString: url,
    application_name: 'custom-speech-events',
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
    query_timeout: heartbeatMs,
  })
  let close: (reason: string) => void = () => {}
  const lost = new Promise<string>((ended) => {
    let heartbeat: NodeJS.Timeout | undefined
    close = (reason) => {
      clearInterval(heartbeat)
      client.removeAllListeners('notification')
      client.end().catch(() => {})
      ended(reason)
    }
    client.on('error', (error) => close(error.message))
    client.on('end', () => close('the server closed it'))
    // A peer that vanished sends nothing, not even an end: ask it now and then.
    heartbeat = setInterval(() => client.query('select').catch((error) => close(error.message)), heartbeatMs).unref()
  })
  const hold = (lock: AdvisoryLock) => client.query('select pg_advisory_lock_shared($1, $2)', [...lock])
  client.on('notification', ({ payload }) => hear(payload ?? ''))
  try {
    await client.connect()
    await applySessionSettings(client)
    for (const lock of locks) await hold(lock)
    await client.query(`listen ${channel}`)
  } catch (error) {
    close('not connected')
    throw error
  }
  return { lost, hold, close }
}
