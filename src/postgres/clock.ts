import { sql } from 'drizzle-orm'
import type { Log } from '../log.ts'
import type { Db } from './client.ts'

/** The interval of comparisons. Meanwhile the monotonic clock of this process counts. */
const compareMs = 30_000

/**
 * The time of Postgres in milliseconds since 1970. Moments that other processes judge, such as the expiry of a token,
 * need it, because the clocks of machines differ.
 */
export interface Clock {
  now(): number
  close(): Promise<void>
}

export async function openClock(db: Db, log: Log): Promise<Clock> {
  /** The time of Postgres minus that of `performance`. */
  const compare = async () => {
    const sent = performance.now()
    const [row] = await db.execute<{ ms: number }>(sql`select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`)
    if (!row) throw new Error('Postgres did not tell the time.')
    return row.ms - (sent + performance.now()) / 2
  }
  let difference = await compare()
  const comparing = setInterval(() => {
    compare().then(
      (found) => {
        difference = found
      },
      (error) => log.debug({ reason: error }, 'the clock was not compared with that of Postgres'),
    )
  }, compareMs).unref()
  return {
    now: () => Math.round(difference + performance.now()),
    close: async () => clearInterval(comparing),
  }
}
