import { sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { explainUnavailable } from './unavailable.ts'

/** Shorter than the timeout of other statements, since a search runs at each pause of typing. */
const maxSearchMs = 4_000

/** A search did not end within its time. */
export class SearchTimeout extends Error {}

/**
 * Runs a statement with a plan for its values. A generic plan assumes that few rows match a text or model, and would read
 * and sort all that match. Throws {@link SearchTimeout} after 4 s.
 */
export function runSearch<T>(db: Db, search: (db: Db) => Promise<T>): Promise<T> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('statement_timeout', ${String(maxSearchMs)}, true)`)
    return search(tx).catch((error: unknown) => {
      if (explainUnavailable(error)?.code === 'TIMEOUT') throw new SearchTimeout('a search took too long', { cause: error })
      throw error
    })
  })
}
