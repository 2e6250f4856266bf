import { eq } from 'drizzle-orm'
import type { Db, Tx } from './client.ts'
import { settings } from './tables.ts'

const name = 'installation'

/** The id of the installation. A restored database gets another one, since the original can still be in use. */
export async function readInstallation(db: Db): Promise<string> {
  await db.insert(settings).values({ name, value: crypto.randomUUID() }).onConflictDoNothing()
  const [setting] = await db.select().from(settings).where(eq(settings.name, name))
  if (!setting) throw new Error('The installation has no id.')
  return setting.value
}

export const forgetInstallation = (tx: Tx) => tx.delete(settings).where(eq(settings.name, name))
