import { createHash } from 'node:crypto'
import { and, eq, getColumns, lte, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type KeyRow, keys } from '../postgres/access-tables.ts'
import type { Db, Tx } from '../postgres/client.ts'
import { type DeploymentRow, deployments, idempotencyKeys } from '../postgres/deployment-tables.ts'
import { type ModelRow, models } from '../postgres/tables.ts'
import { UnavailableError } from '../postgres/unavailable.ts'
import { IdempotencyConflictError } from './errors.ts'

/** A key is remembered for so long after what it made was deleted, so that a late retry does not make it again. */
export const rememberedDays = 7

export const idempotencyKeyText = z
  .string()
  .regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 printable ASCII characters without spaces')
  .nullish()

/** What a key can have made. */
interface Made {
  deployment: DeploymentRow
  model: ModelRow
  key: KeyRow
}

const columns = { deployment: 'deploymentId', model: 'modelId', key: 'keyId' } as const

interface Earlier<What extends keyof Made> {
  made: Made[What]
  /** The secret of a key, sealed for whoever made it. */
  sealedSecret: string | null
}

/**
 * What a key was used for: nothing yet, the same, or something else. Holds for as long as the workspace is locked;
 * a preflight, which locks nothing, learns how it is now.
 */
export async function findEarlier<What extends keyof Made>(
  db: Db | Tx,
  what: What,
  workspaceId: string,
  key: string,
  input: object,
): Promise<Earlier<What> | IdempotencyConflictError | undefined> {
  const [found] = await db
    .select({ deployment: deployments, model: models, key: keys, used: getColumns(idempotencyKeys) })
    .from(idempotencyKeys)
    .leftJoin(deployments, eq(deployments.id, idempotencyKeys.deploymentId))
    .leftJoin(models, eq(models.id, idempotencyKeys.modelId))
    .leftJoin(keys, eq(keys.id, idempotencyKeys.keyId))
    .where(and(eq(idempotencyKeys.workspaceId, workspaceId), eq(idempotencyKeys.key, key)))
  if (!found || (found.used.expiresAt && found.used.expiresAt.getTime() < Date.now())) return undefined
  if (!found.used[columns[what]] || found.used.inputHash !== hashInput(input)) return new IdempotencyConflictError()
  const made: Made[What] | null = found[what]
  return made ? { made, sealedSecret: found.used.sealedSecret } : new IdempotencyConflictError(what)
}

type MadeId = { deploymentId: string } | { modelId: string } | { keyId: string; sealedSecret: string }

/** Remembers what the key made, for as long as that exists and some days more. */
export async function remember(tx: Tx, workspaceId: string, key: string, input: object, made: MadeId): Promise<void> {
  const values = {
    deploymentId: null,
    modelId: null,
    keyId: null,
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
  // A key for another workspace is made under the lock of that workspace, so two requests can come this far.
  if (!remembered.length) throw collided()
}

const collided = () =>
  new UnavailableError('SERVICE_UNAVAILABLE', 'Another request used this idempotency key at the same time, and this one changed nothing. Send it again.')

/** Lets the keys expire that made what is deleted now. */
export async function letExpire(tx: Tx, made: { deploymentId: string } | { modelId: string }): Promise<void> {
  const isOf: SQL = 'deploymentId' in made ? eq(idempotencyKeys.deploymentId, made.deploymentId) : eq(idempotencyKeys.modelId, made.modelId)
  await tx
    .update(idempotencyKeys)
    .set({ expiresAt: sql`now() + make_interval(days => ${rememberedDays})` })
    .where(isOf)
}

const hashInput = (input: object) =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(input).sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex')
