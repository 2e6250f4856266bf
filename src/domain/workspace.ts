import { asc, sql } from 'drizzle-orm'
import type { Db } from '../postgres/client.ts'
import { workspaces } from '../postgres/tables.ts'

/** The id of the first workspace, which is made when there is none; processes that start at once agree. */
export function ensureFirstWorkspace(db: Db): Promise<string> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(7302)`)
    const [first] = await tx.select().from(workspaces).orderBy(asc(workspaces.id)).limit(1)
    if (first) return first.id
    const [made] = await tx.insert(workspaces).values({ name: 'Default' }).returning()
    if (!made) throw new Error('the first workspace was not inserted')
    return made.id
  })
}
