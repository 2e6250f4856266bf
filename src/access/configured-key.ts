import { sql } from 'drizzle-orm'
import type { Db } from '../postgres/client.ts'
import type { AdvisoryLock } from '../postgres/events.ts'

const configuredKeys = 7304

/**
 * The lock that every process with this configured key holds, shared, while it runs. Postgres releases the lock when
 * the process ends or crashes.
 */
export const lockOfConfiguredKey = (secretHash: string): AdvisoryLock => [configuredKeys, Number.parseInt(secretHash.slice(0, 8), 16) | 0]

/** True while a running process has the key configured as BOOTSTRAP_KEY. */
export async function isConfiguredNow(tx: Db, secretHash: string): Promise<boolean> {
  const [group, number] = lockOfConfiguredKey(secretHash)
  const [answer] = await tx.execute<{ is_free: boolean }>(sql`select pg_try_advisory_xact_lock(${group}, ${number}) as is_free`)
  return answer?.is_free === false
}
