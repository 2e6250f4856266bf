import { sql } from 'drizzle-orm'
import type { Log } from '../log.ts'
import type { Db } from './client.ts'
import type { Connection } from './connection.ts'
import { openListener } from './listener.ts'

const channel = 'custom_speech'
/** Covers what nobody foresaw: every watcher is rung this often even without a notice. */
const backstopMs = 30_000

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

/** The SQL expression that notifies the watchers of the topics in every process, when its transaction commits. */
export const notification = (topics: readonly string[]) => sql`pg_notify(${channel}, ${topics.join(' ')})`

/** Notifies the watchers of the topics in every process when the transaction commits. */
export async function ring(tx: Db, topics: readonly string[]): Promise<void> {
  await tx.execute(sql`select ${notification(topics)}`)
}

/** One LISTEN connection for the process, fanned out by topic; when it breaks, it is opened again. */
export async function openEvents(url: string, log: Log): Promise<Events> {
  const watchers = new Map<string, Set<() => void>>()
  const ringTopic = (topic: string) => {
    for (const ring of [...(watchers.get(topic) ?? [])]) ring()
  }
  const ringAll = () => {
    for (const topic of [...watchers.keys()]) ringTopic(topic)
  }
  const locks: AdvisoryLock[] = []
  const listener = await openListener(url, log, {
    name: 'custom-speech-events',
    channel,
    hear: (topics) => topics.split(' ').forEach(ringTopic),
    async prepare(connection) {
      for (const lock of locks) await take(connection, lock)
    },
    // The log has the news of the meantime.
    reconnected: ringAll,
  })
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
      await take(listener.connection, lock)
    },
    async close() {
      clearInterval(backstop)
      await listener.close()
    },
  }
}

const take = (connection: Connection, lock: AdvisoryLock) => connection.send('select pg_advisory_lock_shared($1, $2)', lock)
