import { eq, sql } from 'drizzle-orm'
import type { Db, Tx } from '../postgres/client.ts'
import { ring } from '../postgres/events.ts'
import { type DeploymentRow, type DeploymentStatus, deploymentEvents, deployments, type Evidence, type Failure, type Stage } from '../postgres/tables.ts'

//   QUEUED ──▶ PROVISIONING ──▶ COMPLETE
//     │  ▲          ├─────────▶ FAILED ───┐
//     │  │          └─────────▶ CANCELED ─┤ (tried again: QUEUED)
//     │  └────────────────────────────────┘      any ──▶ DELETING ──▶ gone
const moves: Record<DeploymentStatus, readonly DeploymentStatus[]> = {
  QUEUED: ['PROVISIONING', 'FAILED', 'CANCELED', 'DELETING'],
  PROVISIONING: ['PROVISIONING', 'COMPLETE', 'FAILED', 'CANCELED', 'DELETING'],
  COMPLETE: ['DELETING'],
  FAILED: ['QUEUED', 'DELETING'],
  CANCELED: ['QUEUED', 'DELETING'],
  DELETING: [],
}

/** True when nothing more will happen by itself. */
export const isTerminal = (status: DeploymentStatus) => status === 'COMPLETE' || status === 'FAILED' || status === 'CANCELED'

/** True when the endpoint answers. */
export const isServing = (status: DeploymentStatus) => status === 'COMPLETE'

export interface Change {
  status: DeploymentStatus
  message: string
  stage?: Stage | null
  /** Of the whole provisioning, 0 to 1; left out, it stays as it is. */
  progress?: number
  failure?: Failure
  evidence?: Evidence
}

/** The topic on which a deployment's watchers are rung. */
export const deploymentTopic = (deploymentId: string) => `deployment:${deploymentId}`

/**
 * The only way a deployment changes: row, event and notice in one transaction, numbered under the
 * row's lock. Answers undefined, and changes nothing, when the deployment is gone or may not move
 * there any more, as when it was canceled while its job was still at work.
 */
export function recordChange(db: Db | Tx, deploymentId: string, change: Change): Promise<DeploymentRow | undefined> {
  return db.transaction(async (tx) => {
    const [before] = await tx.select().from(deployments).where(eq(deployments.id, deploymentId)).for('update')
    if (!before || !moves[before.status].includes(change.status)) return undefined
    const [after] = await tx
      .update(deployments)
      .set({
        status: change.status,
        stage: change.stage ?? null,
        progress: change.progress ?? before.progress,
        failure: change.failure ?? null,
        evidence: change.evidence ?? before.evidence,
        sequence: before.sequence + 1,
        updatedAt: sql`now()`,
        completedAt: isTerminal(change.status) ? sql`now()` : null,
      })
      .where(eq(deployments.id, deploymentId))
      .returning()
    if (after) await recordEvent(tx, after, before.status, change.message)
    return after
  })
}

/** Writes the event that the row's present sequence number stands for, and rings its watchers. */
export async function recordEvent(tx: Tx, row: DeploymentRow, previousStatus: DeploymentStatus | null, message: string): Promise<void> {
  await tx.insert(deploymentEvents).values({
    deploymentId: row.id,
    sequence: row.sequence,
    status: row.status,
    previousStatus,
    stage: row.stage,
    progress: row.progress,
    message,
    occurredAt: row.updatedAt,
  })
  await ring(tx, deploymentTopic(row.id))
}
