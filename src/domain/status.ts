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
import { changeWorkspace } from './turnstile.ts'

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
  /** When it last moved, if that is worth telling; every other change clears it. */
  stalledSince?: Date
}

/** Topics on which watchers are rung: of one deployment, and of all of a workspace. */
export const deploymentTopic = (deploymentId: string) => `deployment:${deploymentId}`
export const workspaceTopic = (workspaceId: string) => `workspace:${workspaceId}`

/** One worker's hold on one deployment; whatever it does counts only while both numbers are still the row's. */
export interface Claim {
  deploymentId: string
  workspaceId: string
  attempt: number
  /** Left out by those who speak for the attempt as a whole, such as its deadline. */
  run?: number
  /** Given by those who decided on what they had read: then nothing may have changed since. */
  sequence?: number
  /** Given by those who speak for one try. */
  failedTries?: number
}

/**
 * A job's way to change a deployment: row, event and notice in one transaction. Answers undefined, and
 * changes nothing, when the deployment is gone, may not move there any more (as when it was canceled
 * while its job was at work), has begun another attempt, or is in another worker's hands.
 */
export function recordChange(
  db: Db,
  claim: Claim,
  change: Change,
  also?: (tx: Tx, row: DeploymentRow) => Promise<unknown>,
): Promise<DeploymentRow | undefined> {
  return changeWorkspace(db, claim.workspaceId, async (tx) => {
    const before = await findClaimed(tx, claim)
    if (!before || !mayMove(before.status, change.status)) return undefined
    const after = await applyChange(tx, before, change)
    await also?.(tx, after)
    return after
  })
}

/** The deployment, while the claim on it still holds. The workspace must be locked. */
export async function findClaimed(tx: Tx, { deploymentId, workspaceId: _, ...expected }: Claim): Promise<DeploymentRow | undefined> {
  const [row] = await tx.select().from(deployments).where(eq(deployments.id, deploymentId)).for('update')
  const asExpected = Object.entries(expected).every(([name, value]) => value === undefined || row?.[name as keyof typeof expected] === value)
  return asExpected ? row : undefined
}

/** Moves a deployment to another status; whoever calls it has locked the workspace and asked {@link mayMove}. */
export async function applyChange(tx: Tx, before: DeploymentRow, change: Change, more: Partial<DeploymentRow> = {}): Promise<DeploymentRow> {
  const isBeginning = change.status === 'PROVISIONING' && before.status === 'QUEUED'
  const stage = change.stage ?? null
  const [after] = await tx
    .update(deployments)
    .set({
      status: change.status,
      ...more,
      stage,
      progress: change.progress ?? before.progress,
      failure: change.failure ?? null,
      evidence: change.evidence ?? before.evidence,
      sequence: before.sequence + 1,
      stageStartedAt: stage === before.stage && !isBeginning ? before.stageStartedAt : stage && sql`clock_timestamp()`,
      stalledSince: change.stalledSince ?? null,
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
