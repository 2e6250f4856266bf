import { sql } from 'drizzle-orm'
import type { Db } from './client.ts'

/** The queue of one job. */
export interface QueueFigures {
  name: string
  /** Jobs that wait, those included that may begin later. */
  waiting: number
  running: number
  /** Since the oldest waiting job could begin; 0 without one. */
  oldestSeconds: number
}

/** The queues of the jobs with these names. The states are listed, because an index of pg-boss has such a condition. */
export async function readQueueFigures(db: Db, names: readonly string[]): Promise<QueueFigures[]> {
  const found = await db.execute<{ name: string; waiting: string; running: string; oldest: string }>(sql`
    select name,
      count(*) filter (where state < 'active') as waiting,
      count(*) filter (where state = 'active') as running,
      coalesce(extract(epoch from now() - min(start_after) filter (where state < 'active' and start_after <= now())), 0) as oldest
    from pgboss.job where state in ('created', 'retry', 'active') and name = any(${sql.param([...names])}::text[]) group by name`)
  return names.map((name) => {
    const row = [...found].find((one) => one.name === name)
    return { name, waiting: Number(row?.waiting ?? 0), running: Number(row?.running ?? 0), oldestSeconds: Number(row?.oldest ?? 0) }
  })
}
