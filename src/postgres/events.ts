import { sql } from 'drizzle-orm'
import type postgres from 'postgres'
import type { Tx } from './client.ts'

const channel = 'custom_speech'
/** Covers what nobody foresaw: every watcher is rung this often even without a notice. */
const backstopMs = 30_000

export interface Events {
  /**
   * Calls `ring` when there may be news about the topic, and after every reconnection, when notices
   * may have been lost. A ring carries nothing: the reader looks at the log. Returns the way to stop.
   */
  watch(topic: string, ring: () => void): () => void
  close(): Promise<void>
}

/** Rings the topic's watchers in every process when the transaction commits. */
export async function ring(tx: Tx, topic: string): Promise<void> {
  await tx.execute(sql`select pg_notify(${channel}, ${topic})`)
}

/** One LISTEN connection for the process, fanned out by topic; postgres.js reconnects it by itself. */
export async function openEvents(client: postgres.Sql): Promise<Events> {
  const watchers = new Map<string, Set<() => void>>()
  const ringTopic = (topic: string) => {
    for (const ring of [...(watchers.get(topic) ?? [])]) ring()
  }
  const ringAll = () => {
    for (const topic of [...watchers.keys()]) ringTopic(topic)
  }
  const listening = await client.listen(channel, ringTopic, ringAll)
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
    async close() {
      clearInterval(backstop)
      await listening.unlisten()
    },
  }
}
