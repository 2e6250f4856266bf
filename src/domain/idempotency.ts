import { createHash } from 'node:crypto'
import { and, eq, getColumns, gt, isNull, lte, or, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { idempotencyKeys, type KeyRow, keys } from '../postgres/access-tables.ts'
import type { Db, Tx } from '../postgres/client.ts'
import { type DeploymentRow, deployments } from '../postgres/deployment-tables.ts'
import { type EvaluationRow, evaluations, type TestSetRow, testSets } from '../postgres/evaluation/evaluation-tables.ts'
import { type ModelRow, models } from '../postgres/tables.ts'
import { UnavailableError } from '../postgres/unavailable.ts'
import { IdempotencyConflictError } from './errors.ts'

/** The days for which a key is kept after its object was deleted, so that a late retry does not create the object again. */
export const rememberedDays = 7

export const idempotencyKeyText = z
  .string()
  .regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 printable ASCII characters without spaces')
  .nullish()

/** The kinds of objects that a request with an idempotency key creates. */
interface Made {
  deployment: DeploymentRow
  model: ModelRow
  key: KeyRow
  testSet: TestSetRow
  evaluation: EvaluationRow
}

const columns = { deployment: 'deploymentId', model: 'modelId', key: 'keyId', testSet: 'testSetId', evaluation: 'evaluationId' } as const

/** The kinds in words, for errors. */
const names: Record<keyof Made, string> = { deployment: 'deployment', model: 'model', key: 'key', testSet: 'test set', evaluation: 'evaluation' }

interface Earlier<What extends keyof Made> {
  made: Made[What]
  /** The encrypted secret of a key, for the caller that created the key. */
  sealedSecret: string | null
  /** The number of the revision that the request created, if it created one. */
  revision: number | null
}

const isRemembered = or(isNull(idempotencyKeys.expiresAt), gt(idempotencyKeys.expiresAt, sql`now()`))

/**
 * Finds the earlier request with this key: undefined when the key is new, and an error when the key was used for a
 * different request. The result is final only while the workspace is locked, which a preflight does not do.
 */
export async function findEarlier<What extends keyof Made>(
  db: Db | Tx,
  what: What,
  workspaceId: string,
  key: string,
  input: object,
): Promise<Earlier<What> | IdempotencyConflictError | undefined> {
  const [found] = await db
    .select({ deployment: deployments, model: models, key: keys, testSet: testSets, evaluation: evaluations, used: getColumns(idempotencyKeys) })
    .from(idempotencyKeys)
    .leftJoin(deployments, eq(deployments.id, idempotencyKeys.deploymentId))
    .leftJoin(models, eq(models.id, idempotencyKeys.modelId))
    .leftJoin(keys, eq(keys.id, idempotencyKeys.keyId))
    .leftJoin(testSets, eq(testSets.id, idempotencyKeys.testSetId))
    .leftJoin(evaluations, eq(evaluations.id, idempotencyKeys.evaluationId))
    .where(and(eq(idempotencyKeys.workspaceId, workspaceId), eq(idempotencyKeys.key, key), isRemembered))
  if (!found) return undefined
  if (!found.used[columns[what]] || found.used.inputHash !== hashInput(input)) return new IdempotencyConflictError()
  const made: Made[What] | null = found[what]
  return made ? { made, sealedSecret: found.used.sealedSecret, revision: found.used.revision } : new IdempotencyConflictError(names[what])
}

type DeletedId = { deploymentId: string } | { modelId: string } | { testSetId: string } | { evaluationId: string }
type MadeId = DeletedId | { deploymentId: string; revision: number } | { keyId: string; sealedSecret: string }

/** Stores the object that the key created, until some days after the object is deleted. */
export async function remember(tx: Tx, workspaceId: string, key: string, input: object, made: MadeId): Promise<void> {
  const values = {
    deploymentId: null,
    modelId: null,
    keyId: null,
    revision: null,
    testSetId: null,
    evaluationId: null,
    sealedSecret: null,
    expiresAt: null,
    inputHash: hashInput(input),
    createdAt: sql`now()`,
    ...made,
  }
  const remembered = await tx
    .insert(idempotencyKeys)
    .values({ workspaceId, key, ...values })
    .onConflictDoUpdate({ target: [idempotencyKeys.workspaceId, idempotencyKeys.key], set: values, setWhere: lte(idempotencyKeys.expiresAt, sql`now()`) })
    .returning({ key: idempotencyKeys.key })
  // A key for another workspace is created under the lock of that workspace, so two requests can reach this insert.
  if (!remembered.length) throw collided()
}

const collided = () =>
  new UnavailableError('SERVICE_UNAVAILABLE', 'Another request used this idempotency key at the same time, and this one changed nothing. Send it again.')

/** Sets the expiry of the idempotency keys of an object that is being deleted. */
export async function letExpire(tx: Tx, made: DeletedId): Promise<void> {
  const [[column, id]] = Object.entries(made) as [[(typeof columns)[keyof Made], string]]
  const isOf: SQL = eq(idempotencyKeys[column], id)
  await tx
    .update(idempotencyKeys)
    .set({ expiresAt: sql`now() + make_interval(days => ${rememberedDays})` })
    .where(isOf)
}

/** Removes the expiry of the idempotency keys of an object that is being restored. */
export async function stayInEffect(tx: Tx, made: { deploymentId: string }): Promise<void> {
  await tx.update(idempotencyKeys).set({ expiresAt: null }).where(eq(idempotencyKeys.deploymentId, made.deploymentId))
}

const hashInput = (input: object) =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(input).sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex')
