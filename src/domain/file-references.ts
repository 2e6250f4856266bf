import { inArray, sql } from 'drizzle-orm'
import { models, uploads } from '../postgres/tables.ts'
import type { Service } from './context.ts'

/** Of these files, by their SHA-256, those that some model is made of, or was or will be made from. */
export async function findNeededFiles({ store }: Pick<Service, 'store'>, sha256s: string[]): Promise<ReadonlySet<string>> {
  if (!sha256s.length) return new Set()
  const list = sql.param(sha256s)
  const ofModels = store.db
    .select({ sha256: sql<string>`wanted` })
    .from(sql`unnest(${list}::text[]) as wanted`)
    .where(
      sql`exists (select from ${models} where ${models.files} @> jsonb_build_array(jsonb_build_object('sha256', wanted))
        or wanted in (${models.recipe} #>> '{text,sha256}', ${models.recipe} #>> '{recordings,sha256}', ${models.recipe} #>> '{archive,file,sha256}'))`,
    )
  const ofUploads = store.db.select({ sha256: uploads.sha256 }).from(uploads).where(inArray(uploads.sha256, sha256s))
  const [used, sent] = await Promise.all([ofModels, ofUploads])
  return new Set([...used, ...sent].map(({ sha256 }) => sha256))
}
