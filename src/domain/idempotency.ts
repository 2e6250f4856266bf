import { createHash } from 'node:crypto'
import { and, eq } from 'drizzle-orm'
import type { Tx } from '../postgres/client.ts'
import { type DeploymentRow, deployments, idempotencyKeys } from '../postgres/tables.ts'
import { IdempotencyConflictError } from './errors.ts'

/** What a key was used for: nothing yet, the same, or something else. The workspace must be locked. */
export async function findEarlier(tx: Tx, workspaceId: string, key: string, input: object): Promise<DeploymentRow | IdempotencyConflictError | undefined> {
  const [found] = await tx
    .select({ deployment: deployments, inputHash: idempotencyKeys.inputHash })
    .from(idempotencyKeys)
    .innerJoin(deployments, eq(deployments.id, idempotencyKeys.deploymentId))
    .where(and(eq(idempotencyKeys.workspaceId, workspaceId), eq(idempotencyKeys.key, key)))
  if (!found) return undefined
  return found.inputHash === hashInput(input) ? found.deployment : new IdempotencyConflictError()
}

/** Remembers what the key made, for as long as that exists. */
export async function remember(tx: Tx, workspaceId: string, key: string, input: object, deploymentId: string): Promise<void> {
  await tx.insert(idempotencyKeys).values({ workspaceId, key, inputHash: hashInput(input), deploymentId })
}

const hashInput = (input: object) =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(input).sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex')
