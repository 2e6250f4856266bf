import { and, eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { jobOfRevision } from '../lifecycle/job-definitions.ts'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import type { Tx } from '../postgres/client.ts'
import { type DeploymentRow, deploymentRevisions, deployments } from '../postgres/deployment-tables.ts'
import { withoutPaths } from '../sandbox/without-paths.ts'
import { type Context, checkScope, type Service } from './context.ts'
import { DeploymentNotFoundError, DuplicateDeploymentNameError, SequenceMismatchError, StatusConflictError } from './deployment-errors.ts'
import { applyChange, deploymentLifecycle, deploymentLog, mayMove, provisioning } from './deployment-lifecycle.ts'
import { keepDeleted } from './deployment-restoration.ts'
import { type ExpectedError, ValidationError } from './errors.ts'
import { letExpire } from './idempotency.ts'
import { nameKey, nameText, proseText, validate } from './validation.ts'

export type DeploymentOutcome<T> = Promise<T | ExpectedError>

/** Runs the action on a locked deployment of the caller's workspace. Deployments of other workspaces are not found. */
export async function onDeployment<T>(ctx: Context, id: string, act: (tx: Tx, row: DeploymentRow) => DeploymentOutcome<T>): DeploymentOutcome<T> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  return changeWorkspace(ctx.store.db, ctx.viewer.workspaceId, async (tx) => {
    const own = and(eq(deployments.id, id), eq(deployments.workspaceId, ctx.viewer.workspaceId))
    const [row] = await tx.select().from(deployments).where(own).for('update')
    return row ? act(tx, row) : new DeploymentNotFoundError()
  })
}

const changes = z.object({ name: nameText.optional(), description: proseText.optional() })

export interface DeploymentUpdate {
  id: string
  name?: string | null | undefined
  description?: string | null | undefined
  /** The sequence that the caller last read. The update is refused when the deployment has another sequence. */
  ifSequence?: number | null | undefined
}

/** Changes the name or description. A field that is null or omitted keeps its value. */
export async function updateDeployment(ctx: Context, wanted: DeploymentUpdate): DeploymentOutcome<DeploymentRow> {
  const input = validate(changes, { name: wanted.name ?? undefined, description: wanted.description ?? undefined })
  if (input instanceof ValidationError) return checkScope(ctx, 'MANAGE') ?? input
  return onDeployment(ctx, wanted.id, async (tx, row) => {
    if (wanted.ifSequence != null && wanted.ifSequence !== row.sequence) return new SequenceMismatchError(row)
    const { name = row.name, description = row.description } = input
    if (name === row.name && description === row.description) return row
    const sameName = and(
      eq(deployments.workspaceId, row.workspaceId),
      eq(deployments.locale, row.locale),
      eq(nameKey(deployments.name), nameKey(name)),
      sql`${deployments.id} <> ${row.id}`,
    )
    if (await tx.$count(deployments, sameName)) return new DuplicateDeploymentNameError(name, row.locale)
    const [updated] = await tx
      .update(deployments)
      .set({ name, description, sequence: row.sequence + 1, updatedAt: sql`clock_timestamp()` })
      .where(eq(deployments.id, row.id))
      .returning()
    if (!updated) throw new Error('A locked deployment was not found.')
    await deploymentLog.record(tx, updated, updated.status, name === row.name ? 'Description changed.' : `Renamed from "${row.name}" to "${name}".`)
    return updated
  })
}

/** Ends provisioning. Canceling a canceled deployment succeeds and changes nothing. */
export function cancelDeployment(ctx: Context, id: string): DeploymentOutcome<DeploymentRow> {
  return onDeployment(ctx, id, async (tx, row) => {
    if (row.status === 'CANCELED') return row
    if (!mayMove(row.status, 'CANCELED')) return new StatusConflictError(row.status, 'Only a deployment that is QUEUED or PROVISIONING can be canceled.')
    await provisioning.withdraw(tx, ctx, row)
    return applyChange(tx, row, { status: 'CANCELED', message: 'Canceled on request.' })
  })
}

/** Provisions a FAILED or CANCELED deployment again, with the same id. */
export function retryDeployment(ctx: Context, id: string): DeploymentOutcome<DeploymentRow> {
  return onDeployment(ctx, id, async (tx, row) => {
    if (row.status === 'SUSPENDED') return new StatusConflictError(row.status, 'Resume the deployment with resumeDeployment.')
    if (!mayMove(row.status, 'QUEUED')) return new StatusConflictError(row.status, 'Only a deployment that is FAILED or CANCELED can be retried.')
    return queueAgain(ctx, tx, row, 'Waiting for a worker again.')
  })
}

async function queueAgain(ctx: Context, tx: Tx, row: DeploymentRow, message: string): Promise<DeploymentRow> {
  const again = { attempt: row.attempt + 1, failedTries: 0, heldBy: null, deadRuns: [], evidence: null, ...provisioning.newPosition(ctx, row) }
  const queued = await applyChange(tx, row, { status: 'QUEUED', message, progress: 0 }, again)
  await provisioning.enqueue(tx, ctx, queued)
  return queued
}

/** Stops the endpoint of a COMPLETE deployment until it is resumed. Suspending a suspended deployment succeeds and changes nothing. */
export function suspendDeployment(ctx: Context, id: string): DeploymentOutcome<DeploymentRow> {
  return onDeployment(ctx, id, async (tx, row) => {
    if (row.status === 'SUSPENDED') return row
    if (!mayMove(row.status, 'SUSPENDED'))
      return new StatusConflictError(row.status, 'Only a deployment that is COMPLETE can be suspended. cancelDeployment stops provisioning.')
    if (row.pendingRevision !== null)
      return new StatusConflictError(row.status, `Revision ${row.pendingRevision} is pending. End it with cancelRedeployment, then suspend the deployment.`)
    return applyChange(tx, row, { status: 'SUSPENDED', message: 'Suspended on request.' })
  })
}

/** Provisions a SUSPENDED deployment again, with the same id and the same URLs. */
export function resumeDeployment(ctx: Context, id: string): DeploymentOutcome<DeploymentRow> {
  return onDeployment(ctx, id, async (tx, row) => {
    if (row.status !== 'SUSPENDED') return new StatusConflictError(row.status, 'Only a deployment that is SUSPENDED can be resumed.')
    return queueAgain(ctx, tx, row, 'Resumed on request. Waiting for a worker.')
  })
}

/**
 * Deletes a deployment in any status. The endpoint stops when the transaction commits. The log is kept for a week:
 * subscribers receive the last event, deleting the deployment again succeeds, and the deployment can be restored.
 */
export async function deleteDeployment(ctx: Context, id: string): DeploymentOutcome<{ deploymentId: string }> {
  const outcome = await onDeployment(ctx, id, async (tx, row) => {
    await provisioning.withdraw(tx, ctx, row)
    await withdrawRevision(tx, ctx, row)
    await Promise.all([letExpire(tx, { deploymentId: row.id }), keepDeleted(tx, row)])
    await deploymentLifecycle.remove(tx, row, { status: 'DELETING', message: `Deleted "${row.name}".` })
    return { deploymentId: row.id }
  })
  if (!(outcome instanceof DeploymentNotFoundError)) return outcome
  const removal = await deploymentLog.findRemoval(ctx.store.db, { workspaceId: ctx.viewer.workspaceId, id })
  return removal ? { deploymentId: id } : outcome
}

/** Removes the job of a revision in work from the queue. The row goes with the deployment. */
async function withdrawRevision(tx: Tx, { store }: Pick<Service, 'store'>, { id, pendingRevision }: DeploymentRow) {
  if (pendingRevision === null) return
  const pending = and(eq(deploymentRevisions.deploymentId, id), eq(deploymentRevisions.number, pendingRevision))
  const [revision] = await tx.select({ jobId: deploymentRevisions.jobId, gate: deploymentRevisions.gate }).from(deploymentRevisions).where(pending)
  if (revision?.jobId) await store.queue.remove(tx, jobOfRevision(revision), revision.jobId)
}

/** Adds an event to a deployment's log without a change of its status. Does nothing for a deleted deployment. */
export async function noteOnDeployment({ store }: Pick<Service, 'store'>, deploymentId: string, message: string): Promise<void> {
  const [found] = await store.db.select({ workspaceId: deployments.workspaceId }).from(deployments).where(eq(deployments.id, deploymentId))
  if (!found) return
  await changeWorkspace(store.db, found.workspaceId, async (tx) => {
    const [row] = await tx
      .update(deployments)
      .set({ sequence: sql`${deployments.sequence} + 1`, updatedAt: sql`clock_timestamp()` })
      .where(eq(deployments.id, deploymentId))
      .returning()
    if (row) await deploymentLog.record(tx, row, row.status, withoutPaths(message))
  })
}
