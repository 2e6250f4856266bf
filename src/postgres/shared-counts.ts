import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import type { Log } from '../log.ts'
import type { Db } from './client.ts'
import type { Events } from './events.ts'
import { notification, notify } from './notification.ts'
import { processCounts } from './tables.ts'

/** The interval of writes and reads. A change reaches the other processes within two of them. */
const roundMs = 1_000
/** A process writes counts that did not change this often, so that the others see that it lives. */
const renewMs = 4_000
/** The counts of a process that has not written for this long do not count. */
const expiryMs = 10_000

const topic = 'process-counts'

type Counts = Readonly<Record<string, number>>

/**
 * Counts that limits need across all processes, such as the sessions of a key. Each process publishes its own in one
 * row. While Postgres does not answer, the counts of the others expire, and limits hold per process.
 */
export interface SharedCounts {
  /** Adds a source of named counts, which is read in every round. Names begin with what they count, as in `key:`. */
  publish(source: () => Iterable<readonly [name: string, count: number]>): void
  /** The sum of the counts with this name in all other processes. */
  countElsewhere(name: string): number
  close(): Promise<void>
}

/** Without sources and without other processes it sends no statement but a read after the backstop of the notifications. */
export function openSharedCounts({ db, events }: { db: Db; events: Events }, log: Log): SharedCounts {
  const process = randomUUID()
  const sources: (() => Iterable<readonly [string, number]>)[] = []
  let others: { counts: Counts; until: number }[] = []
  let published = { text: '{}', at: 0 }
  let isStale = true
  let round: Promise<void> | undefined

  const unwatch = events.watch(topic, () => {
    isStale = true
  })

  const write = async () => {
    const counts = Object.fromEntries(sources.flatMap((source) => [...source()]).sort(([a], [b]) => (a < b ? -1 : 1)))
    const text = JSON.stringify(counts)
    const now = performance.now()
    if (text === published.text && (text === '{}' || now - published.at < renewMs)) return
    await db.execute(sql`
      with
        dead as (delete from ${processCounts} where updated_at < now() - interval '1 minute'),
        written as (
          insert into ${processCounts} (process, counts, updated_at) values (${process}, ${text}::text::jsonb, now())
          on conflict (process) do update set counts = excluded.counts, updated_at = now()
        )
      select ${notification([topic])}`)
    published = { text, at: now }
  }

  const read = async () => {
    isStale = false
    // Ages are by the clock of Postgres, since those of the machines can differ.
    const rows = await db
      .select({ counts: processCounts.counts, ageMs: sql<number>`(extract(epoch from now() - ${processCounts.updatedAt}) * 1000)::float8` })
      .from(processCounts)
      .where(sql`${processCounts.process} <> ${process} and ${processCounts.updatedAt} > now() - make_interval(secs => ${expiryMs / 1000})`)
    others = rows.map(({ counts, ageMs }) => ({ counts, until: performance.now() + expiryMs - ageMs }))
  }

  const goRound = async () => {
    try {
      await write()
      if (isStale) await read()
    } catch (error) {
      isStale = true
      log.debug({ reason: error }, 'counts were not shared with other processes')
    }
  }
  const rounds = setInterval(() => {
    round ??= goRound().finally(() => {
      round = undefined
    })
  }, roundMs).unref()

  return {
    publish(source) {
      sources.push(source)
    },
    countElsewhere(name) {
      const now = performance.now()
      return others.reduce((sum, { counts, until }) => sum + (until > now ? (counts[name] ?? 0) : 0), 0)
    },
    async close() {
      clearInterval(rounds)
      unwatch()
      await round
      if (!published.at) return
      await db.delete(processCounts).where(eq(processCounts.process, process))
      await notify(db, [topic])
    },
  }
}
