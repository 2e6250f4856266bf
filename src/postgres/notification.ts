import { sql } from 'drizzle-orm'
import type { Db } from './client.ts'

/** The channel of LISTEN and NOTIFY that all processes share. */
export const channel = 'custom_speech'

/** The SQL expression that notifies the watchers of the topics in every process, when its transaction commits. */
export const notification = (topics: readonly string[]) => sql`pg_notify(${channel}, ${topics.join(' ')})`

/** Notifies the watchers of the topics in every process when the transaction commits. */
export async function notify(tx: Db, topics: readonly string[]): Promise<void> {
  await tx.execute(sql`select ${notification(topics)}`)
}
