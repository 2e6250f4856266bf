import { sql } from 'drizzle-orm'
import { provisioning } from '../domain/deployment-lifecycle.ts'
import { building } from '../domain/model-lifecycle.ts'
import { evaluating } from '../evaluation/evaluation-lifecycle.ts'
import { importing } from '../evaluation/test-set-lifecycle.ts'
import { deploymentQueue, evaluationQueue, isUnfinished, modelQueue, revisionQueue, testSetQueue } from '../lifecycle/queue-position.ts'
import type { Tx } from '../postgres/client.ts'
import { deploymentRevisions, deployments } from '../postgres/deployment-tables.ts'
import { evaluations, testSets } from '../postgres/evaluation/evaluation-tables.ts'
import type { Queue } from '../postgres/queue.ts'
import { models } from '../postgres/tables.ts'
import { revising } from '../revisions/revision-lifecycle.ts'

/**
 * Enqueues the jobs of all rows that were queued or in work when the backup was made. The time between backup and
 * restore does not count against their deadlines, and the process that held a row has not crashed.
 */
export async function resumeJobs(tx: Tx, queue: Queue, backedUpAt: string): Promise<void> {
  const later = (column: unknown) => sql`${column} + (clock_timestamp() - ${backedUpAt}::timestamptz)`
  const resumed = { heldBy: null, updatedAt: sql`clock_timestamp()` }
  const service = { store: { db: tx, queue } }
  const waiting = await tx
    .update(deployments)
    .set({ ...resumed, deadlineAt: later(deployments.deadlineAt), stageStartedAt: later(deployments.stageStartedAt), stalledSince: null })
    .where(isUnfinished(deploymentQueue))
    .returning()
  for (const row of waiting) await provisioning.enqueue(tx, service, row as Parameters<typeof provisioning.enqueue>[2])
  const unproved = await tx
    .update(deploymentRevisions)
    .set({ ...resumed, deadlineAt: later(deploymentRevisions.deadlineAt), stageStartedAt: later(deploymentRevisions.stageStartedAt), stalledSince: null })
    .where(isUnfinished(revisionQueue))
    .returning()
  for (const row of unproved) await revising.enqueue(tx, service, row as Parameters<typeof revising.enqueue>[2])
  const unbuilt = await tx
    .update(models)
    .set({ ...resumed, deadlineAt: later(models.deadlineAt) })
    .where(isUnfinished(modelQueue))
    .returning()
  for (const row of unbuilt) await building.enqueue(tx, service, row as Parameters<typeof building.enqueue>[2])
  const unread = await tx
    .update(testSets)
    .set({ ...resumed, deadlineAt: later(testSets.deadlineAt) })
    .where(isUnfinished(testSetQueue))
    .returning()
  for (const row of unread) await importing.enqueue(tx, service, row)
  const unheard = await tx
    .update(evaluations)
    .set({ ...resumed, deadlineAt: later(evaluations.deadlineAt) })
    .where(isUnfinished(evaluationQueue))
    .returning()
  // The evaluation of a gate has no job: the job of its deployment continues it.
  for (const row of unheard) if (row.jobId) await evaluating.enqueue(tx, service, row)
}
