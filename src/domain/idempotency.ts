import { createHash } from 'node:crypto'
import { and, eq } from 'drizzle-orm'
import { z } from 'zod'
import type { Tx } from '../postgres/client.ts'
import { type DeploymentRow, deployments, idempotencyKeys } from '../postgres/deployment-tables.ts'
import { type ModelRow, models } from '../postgres/tables.ts'
import { IdempotencyConflictError } from './errors.ts'

export const idempotencyKeyText = z
  .string()
  .regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 printable ASCII characters without spaces')
  .nullish()

/** What a key can have made. */
interface Made {
  deployment: DeploymentRow
  model: ModelRow
}

/** What a key was used for: nothing yet, the same, or something else. The workspace must be locked. */
export async function findEarlier<What extends keyof Made>(
  tx: Tx,
  what: What,
  workspaceId: string,
  key: string,
  input: object,
): Promise<Made[What] | IdempotencyConflictError | undefined> {
  const [found] = await tx
    .select({ deployment: deployments, model: models, inputHash: idempotencyKeys.inputHash })
    .from(idempotencyKeys)
    .leftJoin(deployments, eq(deployments.id, idempotencyKeys.deploymentId))
    .leftJoin(models, eq(models.id, idempotencyKeys.modelId))
    .where(and(eq(idempotencyKeys.workspaceId, workspaceId), eq(idempotencyKeys.key, key)))
  if (!found) return undefined
  const made: Made[What] | null = found[what]
  return made && found.inputHash === hashInput(input) ? made : new IdempotencyConflictError()
}

/** Remembers what the key made, for as long as that exists. */
export async function remember(tx: Tx, workspaceId: string, key: string, input: object, made: { deploymentId: string } | { modelId: string }): Promise<void> {
  await tx.insert(idempotencyKeys).values({ workspaceId, key, inputHash: hashInput(input), ...made })
}

const hashInput = (input: object) =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(input).sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex')
