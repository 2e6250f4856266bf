import { sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { explainUnavailable } from './unavailable.ts'

/** Shorter than for other statements, since searches come as fast as somebody types. */
const maxSearchMs = 4_000

/** A search did not end within its time. */
export class SearchTimeout extends Error {}

/**
 * Runs a statement that searches for a text, if one is given, with a plan for that text: a plan for any text supposes
 * that few rows contain it, and reads and sorts all that do. Throws {@link SearchTimeout} after 4 s.
 */
export async function searchText<T>(db: Db, text: string | null | undefined, search: (db: Db) => Promise<T>): Promise<T> {
  if (!text) return search(db)
  try {
    return await db.transaction(async (tx) => {
      await tx.execute(sql`select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('statement_timeout', ${String(maxSearchMs)}, true)`)
      return search(tx)
    })
  } catch (error) {
    if (explainUnavailable(error)?.code === 'TIMEOUT') throw new SearchTimeout('a search took too long', { cause: error })
    throw error
  }
}
