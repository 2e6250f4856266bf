import { sql } from 'drizzle-orm'
import type { Db, Tx } from '../postgres/client.ts'
import { testSets } from '../postgres/evaluation/evaluation-tables.ts'
import { models, modelTexts, receivedFiles, type StoredFile, uploads } from '../postgres/tables.ts'
import type { Service } from './context.ts'
import { DiskQuotaExceededError } from './errors.ts'

/** The bytes of a workspace on disk. */
export interface DiskUsage {
  bytes: number
  /** The bytes that only uploads use. Deleting the uploads frees them. */
  unusedUploadBytes: number
}

type DiskLimits = Pick<Service['limits'], 'diskBytes'>

/**
 * Adds up the workspace's uploads, its models with their texts, recordings, archives and what was made from them, and its test sets.
 * A file that several rows of a workspace share counts once. Files of base models do not count. A file that two
 * workspaces share counts for each, although the disk holds it once.
 */
export async function readDiskUsage(db: Db | Tx, workspaceId: string, more: readonly StoredFile[] = [], { withReceived = false } = {}): Promise<DiskUsage> {
  const own = sql`from ${models} as model where model.workspace_id = ${workspaceId}`
  const recipeFile = (path: string) => sql`select model.recipe #> ${path}::text[] as file ${own} and model.recipe #> ${path}::text[] is not null`
  // Files of a base model, which its custom language models list too, also have sources outside the artifact directory.
  const made = sql`select file from (select jsonb_array_elements(model.files) as file ${own}) as part where jsonb_array_length(part.file -> 'sources') = 1`
  const ofModels = sql.join([made, ...['{text}', '{recordings}', '{archive,file}'].map(recipeFile)], sql` union all `)
  const ofTestSets = sql`select file from ${testSets} cross join lateral (values (source), (audio)) as part(file) where workspace_id = ${workspaceId} and file is not null`
  const added = sql`select sha256, size, false from unnest(${sql.param(more.map(({ sha256 }) => sha256))}::text[], ${sql.param(more.map(({ size }) => size))}::bigint[]) as added(sha256, size)`
  const received = withReceived ? sql`union all select sha256, size, false from ${receivedFiles} where workspace_id = ${workspaceId}` : sql``
  const [usage] = await db.execute<{ bytes: number; unused: number; texts: number }>(sql`
    with files(sha256, size, is_used) as (
      select upload.sha256, upload.size, false from ${uploads} as upload where upload.workspace_id = ${workspaceId} and upload.expires_at > now()
      union all ${added} ${received}
      union all select file ->> 'sha256', (file ->> 'size')::bigint, true from (${ofModels} union all ${ofTestSets}) as used
    ), contents as (select max(size) as size, bool_or(is_used) as is_used from files group by sha256)
    select coalesce(sum(size), 0)::float8 as bytes, coalesce(sum(size) filter (where not is_used), 0)::float8 as unused,
      (select coalesce(sum(octet_length(kept.text)), 0)::float8 from ${modelTexts} as kept join ${models} as model on model.id = kept.model_id
        where model.workspace_id = ${workspaceId}) as texts
    from contents`)
  const { bytes = 0, unused = 0, texts = 0 } = usage ?? {}
  return { bytes: bytes + texts, unusedUploadBytes: unused }
}

/** The error when the file exceeds the disk quota. A file that the workspace already has never does. The workspace should be locked. */
export async function checkDiskFor(db: Db | Tx, limits: DiskLimits, workspaceId: string, file: StoredFile): Promise<DiskQuotaExceededError | undefined> {
  const after = await readDiskUsage(db, workspaceId, [file])
  if (after.bytes <= limits.diskBytes) return undefined
  const before = await readDiskUsage(db, workspaceId)
  return after.bytes > before.bytes ? new DiskQuotaExceededError(limits.diskBytes, before, file.size) : undefined
}

/**
 * The error when the file and all files that the workspace has sent would exceed twice the disk quota. Files of deleted
 * uploads are on the disk for some hours, and files that are being stored do not count against the quota yet.
 */
async function checkReceived(db: Db | Tx, limits: DiskLimits, workspaceId: string, file: StoredFile): Promise<DiskQuotaExceededError | undefined> {
  const after = await readDiskUsage(db, workspaceId, [file], { withReceived: true })
  if (after.bytes <= 2 * limits.diskBytes) return undefined
  const before = await readDiskUsage(db, workspaceId, [], { withReceived: true })
  if (after.bytes <= before.bytes) return undefined
  return new DiskQuotaExceededError(limits.diskBytes, await readDiskUsage(db, workspaceId), file.size, before.bytes)
}

/** Notes a file before its bytes are stored, unless it exceeds a quota. The workspace must be locked. */
export async function receiveFile(tx: Tx, limits: DiskLimits, workspaceId: string, file: StoredFile): Promise<DiskQuotaExceededError | undefined> {
  const refused = await checkReceived(tx, limits, workspaceId, file)
  if (refused) return refused
  await tx
    .insert(receivedFiles)
    .values({ workspaceId, ...file })
    .onConflictDoUpdate({ target: [receivedFiles.workspaceId, receivedFiles.sha256], set: { receivedAt: sql`now()` } })
  return undefined
}

/** The error when `moreBytes` exceed the disk quota; with 0, when the workspace is over the quota. */
export async function checkDisk(db: Db | Tx, limits: DiskLimits, workspaceId: string, moreBytes: number): Promise<DiskQuotaExceededError | undefined> {
  const usage = await readDiskUsage(db, workspaceId)
  return usage.bytes + moreBytes > limits.diskBytes ? new DiskQuotaExceededError(limits.diskBytes, usage, moreBytes) : undefined
}
