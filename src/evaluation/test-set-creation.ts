import { and, eq } from 'drizzle-orm'
import { z } from 'zod'
import { type Context, checkScope } from '../domain/context.ts'
import { checkDisk } from '../domain/disk-usage.ts'
import { ExpectedError, QuotaExceededError, UploadNotFoundError, ValidationError } from '../domain/errors.ts'
import { findEarlier, idempotencyKeyText, letExpire, remember } from '../domain/idempotency.ts'
import { useUpload } from '../domain/upload.ts'
import { nameKey, nameText, proseText, validate } from '../domain/validation.ts'
import { evaluationQueue, isUnfinished } from '../lifecycle/queue-position.ts'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import type { Tx } from '../postgres/client.ts'
import { evaluations, type TestSetRow, testSets } from '../postgres/evaluation/evaluation-tables.ts'
import { DuplicateTestSetNameError, TestSetInUseError, TestSetNotFoundError } from './errors.ts'
import { countTestSets, maxTestSets } from './test-set.ts'
import { importing, importLimits, isTestSetTerminal, testSetLog } from './test-set-lifecycle.ts'

export interface NewTestSet {
  name: string
  description?: string | null | undefined
  locale: string
  uploadId: string
  /** A repetition with the same key and input returns the same test set. */
  idempotencyKey?: string | null | undefined
}

const shape = z.object({
  name: nameText,
  description: proseText.nullish().transform((text) => text ?? ''),
  locale: z.string(),
  uploadId: z.string(),
  idempotencyKey: idempotencyKeyText,
})

/** Inserts a test set and enqueues its import in one transaction. */
export async function createTestSet(ctx: Context, wanted: NewTestSet): Promise<TestSetRow | ExpectedError> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  const input = validate(shape, wanted)
  if (input instanceof ValidationError) return input
  const { references } = ctx.catalog
  if (!references.has(input.locale))
    return new ValidationError([{ path: 'locale', message: `locale has no models. Choose one of ${[...references.keys()].join(', ')}` }])
  const { idempotencyKey, ...values } = input
  const { workspaceId } = ctx.viewer
  return changeWorkspace(ctx.store.db, workspaceId, async (tx) => {
    const earlier = idempotencyKey && (await findEarlier(tx, 'testSet', workspaceId, idempotencyKey, values))
    if (earlier) return earlier instanceof ExpectedError ? earlier : earlier.made
    const { uploadId, ...named } = values
    const problem = await findProblem(ctx, tx, named)
    if (problem) return problem
    const upload = await useUpload(tx, workspaceId, 'RECORDINGS', uploadId)
    if (!upload) return new UploadNotFoundError('uploadId', 'recordings')
    // The size of the decoded recordings is not known yet, so the workspace must be below its quota.
    const full = await checkDisk(tx, ctx.limits, workspaceId, 1)
    if (full) return full
    const source = { sha256: upload.sha256, size: upload.size }
    const [created] = await tx
      .insert(testSets)
      .values({ ...named, workspaceId, source, status: 'QUEUED', message: 'Waiting for a worker.', ...importing.newPosition(importLimits, { workspaceId }) })
      .returning()
    if (!created) throw new Error('A new test set was not inserted.')
    await Promise.all([
      testSetLog.record(tx, created, null, created.message),
      importing.enqueue(tx, ctx, created),
      idempotencyKey ? remember(tx, workspaceId, idempotencyKey, values, { testSetId: created.id }) : undefined,
    ])
    return created
  })
}

async function findProblem(ctx: Context, tx: Tx, { name, locale }: Pick<TestSetRow, 'name' | 'locale'>): Promise<ExpectedError | undefined> {
  const { workspaceId } = ctx.viewer
  const sameName = and(eq(testSets.workspaceId, workspaceId), eq(testSets.locale, locale), eq(nameKey(testSets.name), nameKey(name)))
  const [twin] = await tx.select().from(testSets).where(sameName)
  if (twin) return new DuplicateTestSetNameError(twin)
  const used = await countTestSets(tx, workspaceId)
  return used >= maxTestSets ? new QuotaExceededError('test sets', maxTestSets, used) : undefined
}

/** Deletes a test set with its recordings and its evaluations, unless an evaluation is unfinished. */
export async function deleteTestSet(ctx: Context, id: string): Promise<{ id: string } | ExpectedError> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  const { workspaceId } = ctx.viewer
  return changeWorkspace(ctx.store.db, workspaceId, async (tx) => {
    const [row] = await tx
      .select()
      .from(testSets)
      .where(and(eq(testSets.id, id), eq(testSets.workspaceId, workspaceId)))
      .for('update')
    if (!row) return new TestSetNotFoundError('id')
    const users = await tx
      .select()
      .from(evaluations)
      .where(and(eq(evaluations.testSetId, id), isUnfinished(evaluationQueue)))
      .limit(20)
    if (users.length) return new TestSetInUseError(users)
    if (!isTestSetTerminal(row.status)) await importing.withdraw(tx, ctx, row)
    await letExpire(tx, { testSetId: id })
    await tx.delete(testSets).where(eq(testSets.id, id))
    // A watcher and a running import find that the row is gone.
    await testSetLog.record(tx, row, row.status, 'Deleted.')
    return { id }
  })
}
