import { eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type Context, checkScope, inTransaction } from '../domain/context.ts'
import { type DeploymentOutcome, onDeployment } from '../domain/deployment-action.ts'
import { SequenceMismatchError } from '../domain/deployment-errors.ts'
import { deploymentLog } from '../domain/deployment-lifecycle.ts'
import { type ExpectedError, ValidationError } from '../domain/errors.ts'
import { validate } from '../domain/validation.ts'
import { TestSetNotFoundError, TestSetNotReadyError } from '../evaluation/errors.ts'
import { findTestSet } from '../evaluation/test-set.ts'
import type { Tx } from '../postgres/client.ts'
import { type DeploymentRow, deployments } from '../postgres/deployment-tables.ts'
import type { Gate } from '../postgres/evaluation/gate.ts'

/** The gate of a request. Numbers are fractions, 0 to 1. */
export interface WantedGate {
  testSetId: string
  maxWordErrorRate?: number | null | undefined
  maxIncrease?: number | null | undefined
  minConfidence?: number | null | undefined
}

const fraction = z
  .number()
  .min(0, 'must be 0 to 1')
  .max(1, 'must be 0 to 1')
  .nullish()
  .transform((value) => value ?? null)

/** Undefined for a gate that the request omits, null for none. */
export const gateShape = z
  .object({ testSetId: z.string(), maxWordErrorRate: fraction, maxIncrease: fraction, minConfidence: fraction })
  .refine(({ maxWordErrorRate, maxIncrease, minConfidence }) => [maxWordErrorRate, maxIncrease, minConfidence].some((limit) => limit !== null), {
    error: 'needs at least one of maxWordErrorRate, maxIncrease and minConfidence',
  })
  .nullish()

/** The problem with a gate for a deployment of the locale. */
export async function findGateProblem(ctx: Context, tx: Tx, gate: Gate | null | undefined, locale: string): Promise<ExpectedError | undefined> {
  if (!gate) return undefined
  const testSet = await findTestSet(inTransaction(ctx, tx), gate.testSetId)
  if (!testSet) return new TestSetNotFoundError('gate.testSetId')
  if (testSet.status !== 'READY') return new TestSetNotReadyError(testSet)
  if (testSet.locale === locale) return undefined
  return new ValidationError([{ path: 'gate.testSetId', message: `gate.testSetId must be that of a test set for ${locale}, the locale of the deployment` }])
}

export interface GateUpdate {
  deploymentId: string
  /** Null removes the gate. */
  gate?: WantedGate | null | undefined
  ifSequence?: number | null | undefined
}

/** Sets or removes the gate of all later revisions of a deployment that bring none. */
export async function updateGate(ctx: Context, wanted: GateUpdate): DeploymentOutcome<DeploymentRow> {
  const input = validate(z.object({ gate: gateShape }), { gate: wanted.gate })
  if (input instanceof ValidationError) return checkScope(ctx, 'MANAGE') ?? input
  return onDeployment(ctx, wanted.deploymentId, async (tx, deployment) => {
    if (wanted.ifSequence != null && wanted.ifSequence !== deployment.sequence) return new SequenceMismatchError(deployment)
    const gate = input.gate ?? null
    const problem = await findGateProblem(ctx, tx, gate, deployment.locale)
    if (problem) return problem
    const [updated] = await tx
      .update(deployments)
      .set({ gate, sequence: deployment.sequence + 1, updatedAt: sql`clock_timestamp()` })
      .where(eq(deployments.id, deployment.id))
      .returning()
    if (!updated) throw new Error('A locked deployment was not found.')
    await deploymentLog.record(tx, updated, updated.status, gate ? 'The gate of new revisions was changed.' : 'The gate of new revisions was removed.')
    return updated
  })
}
