import { sql } from 'drizzle-orm'
import { filesWithoutTestSets, neededFiles } from '../artifacts/needed-files.ts'
import { buildOn } from '../postgres/client.ts'
import type { Connection } from '../postgres/connection.ts'
import { storedFiles } from '../postgres/file-tables.ts'

/** Files of uploads, models and test sets that a backup does not have. */
export interface FileFigures {
  /** Only some DATA_DIR has them, if they are not lost. */
  missing: number
  inObjectStore: number
}

export async function countFiles(connection: Connection): Promise<FileFigures> {
  // A database of an earlier version has no files, or no list of them.
  const [found] = await connection.send(
    "select to_regclass('uploads') is not null as uploads, to_regclass('stored_files') is not null as exists, to_regclass('test_sets') is not null as test_sets",
  )
  if (!found?.['uploads']) return { missing: 0, inObjectStore: 0 }
  const stored = found['exists'] ? sql`select sha256, chunks from ${storedFiles}` : sql`select null::text as sha256, null::int as chunks where false`
  const [figures] = await buildOn(connection).execute<{ missing: number; in_object_store: number }>(sql`
    with needed as (select distinct sha256 from (${found['test_sets'] ? neededFiles : filesWithoutTestSets}) as used(sha256))
    select count(*) filter (where stored.sha256 is null)::int as missing,
      count(*) filter (where stored.sha256 is not null and stored.chunks is null)::int as in_object_store
    from needed left join (${stored}) as stored using (sha256)`)
  return { missing: figures?.missing ?? 0, inObjectStore: figures?.in_object_store ?? 0 }
}
