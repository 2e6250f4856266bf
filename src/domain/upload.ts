import { and, eq, gt, lt, sql } from 'drizzle-orm'
import type { StoredFile, UploadKind, UploadRow } from '../postgres/tables.ts'
import { uploads } from '../postgres/tables.ts'
import type { Service } from './context.ts'
import type { CorpusFigures } from './corpus.ts'

/** A file that no model was made from is kept this long. */
const keptHours = 24
/** Of one workspace at a time. */
export const mostUploads = 20

interface NewUpload extends StoredFile {
  workspaceId: string
  kind: UploadKind
  figures?: CorpusFigures
}

/** Remembers a file that has come; the same file sent again is the same upload, for another day. */
export async function recordUpload({ store }: Service, { figures, ...upload }: NewUpload): Promise<UploadRow> {
  const expiresAt = sql`now() + make_interval(hours => ${keptHours})`
  const [row] = await store.db
    .insert(uploads)
    .values({ ...upload, lines: figures?.lines ?? null, skippedLines: figures?.skippedLines ?? null, expiresAt: expiresAt as never })
    .onConflictDoUpdate({ target: [uploads.workspaceId, uploads.kind, uploads.sha256], set: { expiresAt } })
    .returning()
  if (!row) throw new Error('an upload was not inserted')
  return row
}

const isLive = gt(uploads.expiresAt, sql`now()`)

/** Undefined when the workspace has no upload of this kind with this id. */
export async function findUpload({ store }: Pick<Service, 'store'>, workspaceId: string, kind: UploadKind, id: string): Promise<UploadRow | undefined> {
  const [row] = await store.db
    .select()
    .from(uploads)
    .where(and(eq(uploads.id, id), eq(uploads.workspaceId, workspaceId), eq(uploads.kind, kind), isLive))
  return row
}

export function countUploads({ store }: Service, workspaceId: string): Promise<number> {
  return store.db.$count(uploads, and(eq(uploads.workspaceId, workspaceId), isLive))
}

export async function forgetExpiredUploads({ store }: Service): Promise<void> {
  await store.db.delete(uploads).where(lt(uploads.expiresAt, sql`now()`))
}
