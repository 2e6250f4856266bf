import { eq, sql } from 'drizzle-orm'
import type { Db, Tx } from '../postgres/client.ts'
import { ring } from '../postgres/events.ts'
import {
  type DeploymentRow,
  type DeploymentStatus,
  deploymentEvents,
  deployments,
  type Evidence,
  type Failure,
  type Stage,
  workspaces,
} from '../postgres/tables.ts'

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
export const isTerminal = (status: DeploymentStatus) => status !== 'QUEUED' && status !== 'PROVISIONING'

/** True when the endpoint answers. */
export const isServing = (status: DeploymentStatus) => status === 'COMPLETE'

export const mayMove = (from: DeploymentStatus, to: DeploymentStatus) => moves[from].includes(to)

export interface Change {
  status: DeploymentStatus
  message: string
  stage?: Stage | null
  /** Of the whole provisioning, 0 to 1; left out, it stays as it is. */
  progress?: number
  failure?: Failure
  evidence?: Evidence
  /** True when provisioning begins anew, so that what still works on the last try is ignored. */
  beginsAgain?: boolean
}

/** Topics on which watchers are rung: of one deployment, and of all of a workspace. */
export const deploymentTopic = (deploymentId: string) => `deployment:${deploymentId}`
export const workspaceTopic = (workspaceId: string) => `workspace:${workspaceId}`

/**
 * A job's way to change a deployment: row, event and notice in one transaction. Answers undefined, and
 * changes nothing, when the deployment is gone, may not move there any more (as when it was canceled
 * while its job was at work), or has begun another attempt.
 */
export function recordChange(db: Db, deploymentId: string, attempt: number, change: Change): Promise<DeploymentRow | undefined> {
  return db.transaction(async (tx) => {
    const before = await lockDeployment(tx, deploymentId)
    if (before?.attempt !== attempt || !mayMove(before.status, change.status)) return undefined
    return applyChange(tx, before, change)
  })
}

/**
 * Takes the locks for a change in the one order that all changes keep, first the workspace, then the
 * deployment: so none waits for another in a circle, and events are numbered in the order of commits.
 */
export async function lockDeployment(tx: Tx, deploymentId: string): Promise<DeploymentRow | undefined> {
  await tx.execute(sql`select from ${workspaces} where id = (select workspace_id from ${deployments} where id = ${deploymentId}) for update`)
  const [row] = await tx.select().from(deployments).where(eq(deployments.id, deploymentId)).for('update')
  return row
}

export const lockWorkspace = (tx: Tx, workspaceId: string) => tx.execute(sql`select from ${workspaces} where id = ${workspaceId} for update`)

/** Moves a locked deployment to another status; whoever calls it has asked {@link mayMove}. */
export async function applyChange(tx: Tx, before: DeploymentRow, change: Change): Promise<DeploymentRow> {
  const isBeginning = change.status === 'PROVISIONING' && before.status === 'QUEUED'
  const [after] = await tx
    .update(deployments)
    .set({
      status: change.status,
      stage: change.stage ?? null,
      progress: change.progress ?? before.progress,
      failure: change.failure ?? null,
      evidence: change.evidence ?? before.evidence,
      sequence: before.sequence + 1,
      attempt: before.attempt + (change.beginsAgain ? 1 : 0),
      updatedAt: sql`clock_timestamp()`,
      startedAt: isBeginning ? sql`clock_timestamp()` : before.startedAt,
      completedAt: isTerminal(change.status) ? sql`clock_timestamp()` : null,
    })
    .where(eq(deployments.id, before.id))
    .returning()
  if (!after) throw new Error('a locked deployment has vanished')
  await recordEvent(tx, after, before.status, change.message)
  return after
}

/** Writes the event that the row's present sequence number stands for, and rings its watchers. */
export async function recordEvent(tx: Tx, row: DeploymentRow, previousStatus: DeploymentStatus | null, message: string): Promise<void> {
  const [raised] = await tx
    .update(workspaces)
    .set({ position: sql`${workspaces.position} + 1` })
    .where(eq(workspaces.id, row.workspaceId))
    .returning({ position: workspaces.position })
  await tx.insert(deploymentEvents).values({
    deploymentId: row.id,
    sequence: row.sequence,
    workspaceId: row.workspaceId,
    position: raised?.position ?? 0,
    locale: row.locale,
    status: row.status,
    previousStatus,
    stage: row.stage,
    progress: row.progress,
    message,
    occurredAt: row.updatedAt,
  })
  await ring(tx, [deploymentTopic(row.id), workspaceTopic(row.workspaceId)])
}
