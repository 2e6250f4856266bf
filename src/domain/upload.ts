import { and, eq, gt, isNull, sql } from 'drizzle-orm'
import { z } from 'zod'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import type { Db, Tx } from '../postgres/client.ts'
import type { StoredFile, UploadKind, UploadRow } from '../postgres/tables.ts'
import { uploads } from '../postgres/tables.ts'
import { type Context, checkScope, type Service } from './context.ts'
import { checkDiskFor, receiveFile } from './disk-usage.ts'
import { type DiskQuotaExceededError, type ExpectedError, QuotaExceededError, UploadNotFoundError } from './errors.ts'
import { type Order, type PageArgs, readPage } from './pagination.ts'
import type { TrainingTextStatistics } from './training-text.ts'

/** The hours for which an upload can be used. */
const keptHours = 24

export type UploadRefusal = QuotaExceededError | DiskQuotaExceededError

interface NewUpload extends StoredFile {
  workspaceId: string
  kind: UploadKind
  figures?: TrainingTextStatistics
}

const isLive = gt(uploads.expiresAt, sql`now()`)
const liveOf = (workspaceId: string) => and(eq(uploads.workspaceId, workspaceId), isLive)

/**
 * Records a received file. The same file again is the same upload, with a new expiry. Only uploads that no model uses
 * count against the limit of their number; all uploads count against the disk quota.
 */
export function recordUpload({ store, limits }: Service, { figures, ...upload }: NewUpload): Promise<UploadRow | UploadRefusal> {
  return changeWorkspace(store.db, upload.workspaceId, async (tx) => {
    const refused = await checkUploads(tx, limits, upload)
    if (refused) return refused
    const expiresAt = sql`now() + make_interval(hours => ${keptHours})`
    const [row] = await tx
      .insert(uploads)
      .values({ ...upload, lines: figures?.lines ?? null, skippedLines: figures?.skippedLines ?? null, expiresAt: expiresAt as never })
      .onConflictDoUpdate({ target: [uploads.workspaceId, uploads.kind, uploads.sha256], set: { expiresAt } })
      .returning()
    if (!row) throw new Error('An upload was not inserted.')
    return row
  })
}

/** Notes a file before its bytes are stored, unless it exceeds a quota. */
export function receiveUpload({ store, limits }: Service, { workspaceId, kind, sha256, size }: NewUpload): Promise<UploadRefusal | undefined> {
  return changeWorkspace(store.db, workspaceId, async (tx) => {
    const file = { sha256, size }
    return (await checkUploads(tx, limits, { workspaceId, kind, ...file })) ?? receiveFile(tx, limits, workspaceId, file)
  })
}

/** The error when a file exceeds a quota. A file that the workspace already has never does. */
async function checkUploads(
  db: Db | Tx,
  limits: Service['limits'],
  { workspaceId, kind, ...file }: Pick<NewUpload, 'workspaceId' | 'kind' | 'sha256' | 'size'>,
): Promise<UploadRefusal | undefined> {
  const isThere = await db.$count(uploads, and(liveOf(workspaceId), eq(uploads.kind, kind), eq(uploads.sha256, file.sha256)))
  if (isThere) return undefined
  const used = await db.$count(uploads, and(liveOf(workspaceId), isNull(uploads.usedAt)))
  return used < limits.uploads ? checkDiskFor(db, limits, workspaceId, file) : new QuotaExceededError('unused uploads', limits.uploads, used)
}

/** Marks an upload as used by a model; undefined when the workspace has no such upload of this kind. */
export async function useUpload(tx: Tx, workspaceId: string, kind: UploadKind, id: string): Promise<UploadRow | undefined> {
  const [row] = await tx
    .update(uploads)
    .set({ usedAt: sql`coalesce(${uploads.usedAt}, now())` })
    .where(and(liveOf(workspaceId), eq(uploads.id, id), eq(uploads.kind, kind)))
    .returning()
  return row
}

const newestFirst: Order<UploadRow> = { columns: [sql`${uploads.id}`], keys: ({ id }) => [id], shape: z.tuple([z.uuid()]), descending: true }

/** The uploads of the workspace that have not expired, newest first. */
export function listUploads({ store, viewer }: Context, args: PageArgs) {
  const where = liveOf(viewer.workspaceId)
  return readPage(args, newestFirst, {
    select: (bounds, orderBy, limit) =>
      store.db
        .select()
        .from(uploads)
        .where(and(where, bounds))
        .orderBy(...orderBy)
        .limit(limit),
    count: () => store.db.$count(uploads, where),
  })
}

export async function findUpload({ store, viewer }: Context, id: string): Promise<UploadRow | null> {
  const [row] = await store.db
    .select()
    .from(uploads)
    .where(and(liveOf(viewer.workspaceId), eq(uploads.id, id)))
  return row ?? null
}

/** Deletes an upload. The models that use the file keep it. */
export async function deleteUpload(ctx: Context, id: string): Promise<{ id: string } | ExpectedError> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  const [deleted] = await ctx.store.db
    .delete(uploads)
    .where(and(liveOf(ctx.viewer.workspaceId), eq(uploads.id, id)))
    .returning({ id: uploads.id })
  return deleted ?? new UploadNotFoundError('id')
}

/** The number of uploads that count against the limit. */
export const countUnusedUploads = ({ store, viewer }: Context): Promise<number> =>
  store.db.$count(uploads, and(liveOf(viewer.workspaceId), isNull(uploads.usedAt)))
