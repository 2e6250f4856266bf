import type { Log } from '../log.ts'
import type { Connection } from './connection.ts'
import { openListener } from './listener.ts'
import { channel } from './notification.ts'

/** Every watcher is notified this often, even if a notification is lost. */
const backstopMs = 30_000

/** The two numbers of an advisory lock. */
export type AdvisoryLock = readonly [number, number]

export interface Events {
  /**
   * Calls `notify` when the topic can have changed, and after every reconnection, since notifications can be lost
   * meanwhile. The call has no content: the reader reads the log. Returns a function that ends the watch.
   */
  watch(topic: string, notify: () => void): () => void
  /**
   * Holds a shared advisory lock as long as this process lives, so that other processes can see that it does. The
   * lock is taken again after a lost connection.
   */
  hold(lock: AdvisoryLock): Promise<void>
  close(): Promise<void>
}

/** Opens the LISTEN connection of the process and distributes its notifications by topic. */
export async function openEvents(url: string, log: Log): Promise<Events> {
  const watchers = new Map<string, Set<() => void>>()
  const notifyTopic = (topic: string) => {
    for (const notify of [...(watchers.get(topic) ?? [])]) notify()
  }
  const notifyAll = () => {
    for (const topic of [...watchers.keys()]) notifyTopic(topic)
  }
  const locks: AdvisoryLock[] = []
  const listener = await openListener(url, log, {
    name: 'custom-speech-events',
    channel,
    hear: (topics) => topics.split(' ').forEach(notifyTopic),
    async prepare(connection) {
      for (const lock of locks) await take(connection, lock)
    },
    // The log has the changes that happened without a connection.
    reconnected: notifyAll,
  })
  const backstop = setInterval(notifyAll, backstopMs).unref()

  return {
    watch(topic, notify) {
      const ofTopic = watchers.get(topic) ?? new Set()
      watchers.set(topic, ofTopic.add(notify))
      return () => {
        ofTopic.delete(notify)
        if (ofTopic.size === 0 && watchers.get(topic) === ofTopic) watchers.delete(topic)
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
