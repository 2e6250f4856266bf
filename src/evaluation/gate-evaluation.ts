import { and, desc, eq, isNull, or } from 'drizzle-orm'
import type { Service } from '../domain/context.ts'
import { evaluationQueue, isUnfinished } from '../lifecycle/queue-position.ts'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import type { Tx } from '../postgres/client.ts'
import { type EvaluationRow, evaluations, testSets } from '../postgres/evaluation/evaluation-tables.ts'
import { removeExcess } from './evaluation-creation.ts'
import { evaluating, evaluationLifecycle, evaluationLimits, evaluationLog } from './evaluation-lifecycle.ts'

/** The models of a revision. */
export interface GatedModels {
  acousticModelId: string
  languageModelId: string
  deploymentId: string
  revision: number | null
}

interface GateEvaluation {
  workspaceId: string
  testSetId: string
  models: GatedModels
}

/**
 * The newest COMPLETE evaluation of the models and the test set, an unfinished one of the same gate, or a new one without a
 * job. Undefined when the test set is deleted or not READY.
 */
export function findOrCreateGateEvaluation({ store }: Pick<Service, 'store'>, wanted: GateEvaluation): Promise<EvaluationRow | undefined> {
  const { workspaceId, testSetId, models } = wanted
  return changeWorkspace(store.db, workspaceId, async (tx) => {
    const isOfModels = and(
      eq(evaluations.testSetId, testSetId),
      eq(evaluations.workspaceId, workspaceId),
      eq(evaluations.acousticModelId, models.acousticModelId),
      eq(evaluations.languageModelId, models.languageModelId),
    )
    const isOfGate = unfinishedOf(models.deploymentId)
    const [testSet] = await tx
      .select({ status: testSets.status })
      .from(testSets)
      .where(and(eq(testSets.id, testSetId), eq(testSets.workspaceId, workspaceId)))
    if (testSet?.status !== 'READY') return undefined
    const [known] = await tx
      .select()
      .from(evaluations)
      .where(and(isOfModels, or(eq(evaluations.status, 'COMPLETE'), isOfGate)))
      .orderBy(desc(evaluations.id))
      .limit(1)
    if (known) return known
    await removeExcess(tx, workspaceId)
    const message = 'The gate of a deployment waits for the result.'
    const position = { ...evaluating.newPosition(evaluationLimits, { workspaceId }), jobId: null }
    const [created] = await tx
      .insert(evaluations)
      .values({ ...models, workspaceId, testSetId, status: 'QUEUED', message, ...position })
      .returning()
    if (!created) throw new Error('A new evaluation was not inserted.')
    await evaluationLog.record(tx, created, null, message)
    return created
  })
}

const unfinishedOf = (deploymentId: string) => and(isUnfinished(evaluationQueue), isNull(evaluations.jobId), eq(evaluations.deploymentId, deploymentId))

/** Cancels the unfinished evaluations of the gate of a deployment that no longer needs the gate. The workspace must be locked. */
export async function cancelGateEvaluations(tx: Tx, { workspaceId, deploymentId }: { workspaceId: string; deploymentId: string }): Promise<void> {
  const left = await tx
    .select()
    .from(evaluations)
    .where(and(eq(evaluations.workspaceId, workspaceId), unfinishedOf(deploymentId)))
    .for('update')
  for (const row of left) await evaluationLifecycle.applyChange(tx, row, { status: 'CANCELED', message: 'The deployment no longer needs this evaluation.' })
}
