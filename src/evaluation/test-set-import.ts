import { eq } from 'drizzle-orm'
import type { Service } from '../domain/context.ts'
import { checkDiskFor, receiveFile } from '../domain/disk-usage.ts'
import type { DiskQuotaExceededError } from '../domain/errors.ts'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import type { Tx } from '../postgres/client.ts'
import { type TestItemRow, type TestSetRow, testItems, testSets } from '../postgres/evaluation/evaluation-tables.ts'
import type { StoredFile } from '../postgres/tables.ts'

const rowsAtOnce = 500

/** A test set in any workspace, for its job. */
export async function findTestSetToImport({ store }: Pick<Service, 'store'>, id: string): Promise<TestSetRow | undefined> {
  const [row] = await store.db.select().from(testSets).where(eq(testSets.id, id))
  return row
}

/**
 * Notes the samples of a test set before they are stored, unless they exceed a quota: otherwise the samples of imports that
 * are refused afterwards could fill the disk.
 */
export function receiveSamples({ store, limits }: Service, { workspaceId }: TestSetRow, file: StoredFile): Promise<DiskQuotaExceededError | undefined> {
  return changeWorkspace(store.db, workspaceId, async (tx) => (await checkDiskFor(tx, limits, workspaceId, file)) ?? receiveFile(tx, limits, workspaceId, file))
}

/** Stores the recordings of a test set. */
export async function insertTestItems(tx: Tx, { id: testSetId }: TestSetRow, items: readonly Omit<TestItemRow, 'testSetId'>[]): Promise<void> {
  for (let at = 0; at < items.length; at += rowsAtOnce)
    await tx.insert(testItems).values(items.slice(at, at + rowsAtOnce).map((item) => ({ ...item, testSetId })))
}
