import { z } from 'zod'
import { type Context, checkScope } from '../domain/context.ts'
import { type DeploymentOutcome, onDeployment } from '../domain/deployment-action.ts'
import { SequenceMismatchError, StatusConflictError } from '../domain/deployment-errors.ts'
import { type ExpectedError, ValidationError } from '../domain/errors.ts'
import { proseText, validate } from '../domain/validation.ts'
import type { DeploymentRow, RevisionRow } from '../postgres/deployment-tables.ts'
import { findRevisionRow, type Revised, type Share, shareShape } from './redeployment.ts'
import { toCurrentRevision, toRevision } from './revision.ts'
import { RevisionNotFoundError, RevisionNotProvedError } from './revision-errors.ts'
import { changeForRevision, factsOf, switchTo } from './revision-lifecycle.ts'

export interface Promotion {
  deploymentId: string
  /** The pending revision that the caller means; null for any. */
  revision?: number | null | undefined
  ifSequence?: number | null | undefined
}

/** Makes the revision on trial the current one. */
export function promoteRevision(ctx: Context, { deploymentId, revision, ifSequence }: Promotion): DeploymentOutcome<Revised> {
  return onDeployment(ctx, deploymentId, async (tx, deployment) => {
    const conflict = findConflict(deployment, ifSequence)
    if (conflict) return conflict
    const { pendingRevision } = deployment
    // A repetition after a lost answer finds the revision promoted.
    const number = pendingRevision ?? (revision === deployment.revision ? revision : null)
    if (number === null || (revision != null && revision !== number)) return new RevisionNotFoundError(revision, revision == null ? null : 'revision')
    const row = await findRevisionRow(tx, deploymentId, number)
    if (!row) return new RevisionNotFoundError(number, 'revision')
    if (number === deployment.revision) return toRevised(deployment, row)
    if (row.status !== 'COMPLETE') return new RevisionNotProvedError(toRevision(row, deployment))
    return toRevised(await switchTo(tx, deployment, row, `Promoted: revision ${number} serves.`), row)
  })
}

const toRevised = (deployment: DeploymentRow, row: RevisionRow): Revised => ({ deployment, revision: toRevision(row, deployment) })

function findConflict(deployment: DeploymentRow, ifSequence: number | null | undefined): ExpectedError | undefined {
  if (ifSequence != null && ifSequence !== deployment.sequence) return new SequenceMismatchError(deployment)
  if (deployment.status === 'COMPLETE') return undefined
  return new StatusConflictError(deployment.status, 'Only a COMPLETE deployment can switch to another revision.')
}

export interface Rollback {
  deploymentId: string
  toRevision: number
  note?: string | null | undefined
  ifSequence?: number | null | undefined
}

const rollback = z.object({ note: proseText.nullish() })

/** Makes any revision that was ever proved the current one, at once. A pending revision stays pending. */
export async function rollbackDeployment(ctx: Context, wanted: Rollback): DeploymentOutcome<Revised> {
  const input = validate(rollback, { note: wanted.note })
  if (input instanceof ValidationError) return checkScope(ctx, 'MANAGE') ?? input
  const { deploymentId, toRevision: number, ifSequence } = wanted
  return onDeployment(ctx, deploymentId, async (tx, deployment) => {
    const conflict = findConflict(deployment, ifSequence)
    if (conflict) return conflict
    // The only revision of a deployment that was never redeployed has no row.
    if (number === deployment.revision) return { deployment, revision: toCurrentRevision(deployment) }
    const row = await findRevisionRow(tx, deploymentId, number)
    if (!row) return new RevisionNotFoundError(number, 'toRevision')
    if (row.status !== 'COMPLETE') return new RevisionNotProvedError(toRevision(row, deployment))
    const message = `Switched from revision ${deployment.revision} to revision ${number}${input.note ? `: ${input.note}` : '.'}`
    return toRevised(await switchTo(tx, deployment, row, message), row)
  })
}

export interface TrialUpdate {
  deploymentId: string
  /** Null ends the canary; undefined keeps it. */
  canary?: Share | null | undefined
  shadow?: Share | null | undefined
}

const trial = z.object({ canary: shareShape, shadow: shareShape })

/** Changes the shares of the pending revision. */
export async function updateTrial(ctx: Context, wanted: TrialUpdate): DeploymentOutcome<Revised> {
  const input = validate(trial, { canary: wanted.canary, shadow: wanted.shadow })
  if (input instanceof ValidationError) return checkScope(ctx, 'MANAGE') ?? input
  return onDeployment(ctx, wanted.deploymentId, async (tx, deployment) => {
    const { id, pendingRevision } = deployment
    const row = pendingRevision === null ? undefined : await findRevisionRow(tx, id, pendingRevision)
    if (!row) return new RevisionNotFoundError()
    const canaryPercent = input.canary === undefined ? deployment.canaryPercent : (input.canary?.percent ?? null)
    const shadowPercent = input.shadow === undefined ? deployment.shadowPercent : (input.shadow?.percent ?? null)
    if (canaryPercent === deployment.canaryPercent && shadowPercent === deployment.shadowPercent) return toRevised(deployment, row)
    const message = `Trial of revision ${row.number}: canary ${describeShare(canaryPercent)}, shadow ${describeShare(shadowPercent)}.`
    return toRevised(await changeForRevision(tx, id, { canaryPercent, shadowPercent }, factsOf(row), message), row)
  })
}

const describeShare = (percent: number | null) => (percent === null ? 'off' : `${percent} %`)
