import { and, eq, lte, notInArray, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type Context, checkScope, inTransaction } from '../domain/context.ts'
import { findDeployment } from '../domain/deployment.ts'
import { type DeploymentOutcome, onDeployment } from '../domain/deployment-action.ts'
import { findModelProblems } from '../domain/deployment-creation.ts'
import { gateSeconds } from '../domain/deployment-deadline.ts'
import { SequenceMismatchError, StatusConflictError } from '../domain/deployment-errors.ts'
import { ExpectedError, IdempotencyConflictError, ValidationError } from '../domain/errors.ts'
import { findEarlier, idempotencyKeyText, remember } from '../domain/idempotency.ts'
import { proseText, validate } from '../domain/validation.ts'
import { TestSetNotFoundError } from '../evaluation/errors.ts'
import type { Tx } from '../postgres/client.ts'
import { type DeploymentRow, deploymentRevisions, type RevisionRow } from '../postgres/deployment-tables.ts'
import { findGateProblem, gateShape, type WantedGate } from './gate.ts'
import { type Revision, toRevision } from './revision.ts'
import { RedeploymentInProgressError, RevisionNotFoundError } from './revision-errors.ts'
import { changeForRevision, endOfTrial, factsOf, isRevisionTerminal, revising, revisionLifecycle } from './revision-lifecycle.ts'

/** A share of sessions or recordings. */
export interface Share {
  percent: number
}

export interface NewRevision {
  deploymentId: string
  acousticModelId: string
  languageModelId: string
  note?: string | null | undefined
  /** The share of new sessions that the proved revision serves on trial. With a trial, it does not become current by itself. */
  canary?: Share | null | undefined
  /** The share of recordings that the proved revision recognizes as well. */
  shadow?: Share | null | undefined
  /** The condition on the new models; by default that of the deployment. */
  gate?: WantedGate | null | undefined
  /** Ends a pending revision in favor of this one. */
  supersede?: boolean | null | undefined
  ifSequence?: number | null | undefined
  idempotencyKey?: string | null | undefined
}

/** A deployment with the revision that a mutation concerned. */
export interface Revised {
  deployment: DeploymentRow
  revision: Revision
}

export const shareShape = z.object({ percent: z.int().min(0, 'must be 0 to 100').max(100, 'must be 0 to 100') }).nullish()

const newRevision = z.object({
  deploymentId: z.string(),
  acousticModelId: z.string(),
  languageModelId: z.string(),
  note: proseText.nullish().transform((text) => text ?? ''),
  canary: shareShape.transform((share) => share?.percent ?? null),
  shadow: shareShape.transform((share) => share?.percent ?? null),
  gate: gateShape,
  supersede: z.boolean().nullish(),
  ifSequence: z.int().nullish(),
  idempotencyKey: idempotencyKeyText,
})

type NewValues = z.infer<typeof newRevision>

/** The maximum number of revisions of one deployment. The oldest that were never proved go first, then the oldest. */
const maxRevisions = 100

/** Records a new revision of a deployment and enqueues its provisioning. The present revision serves meanwhile. */
export async function redeployDeployment(ctx: Context, wanted: NewRevision): DeploymentOutcome<Revised> {
  const input = validate(newRevision, wanted)
  if (input instanceof ValidationError) return checkScope(ctx, 'MANAGE') ?? input
  const { idempotencyKey: key, ifSequence, ...values } = input
  return onDeployment(ctx, input.deploymentId, async (tx, deployment) => {
    const earlier = key ? await findEarlierRevision(ctx, tx, key, values) : undefined
    if (earlier) return earlier
    const problem = await findProblem(ctx, tx, deployment, input)
    if (problem) return problem
    await endPending(ctx, tx, deployment, `Superseded by revision ${deployment.lastRevision + 1}.`)
    return queueRevision(ctx, tx, deployment, values, key)
  })
}

async function findEarlierRevision({ viewer }: Context, tx: Tx, key: string, values: object): Promise<Revised | ExpectedError | undefined> {
  const earlier = await findEarlier(tx, 'deployment', viewer.workspaceId, key, values)
  if (!earlier || earlier instanceof ExpectedError) return earlier
  const revision = earlier.revision === null ? undefined : await findRevisionRow(tx, earlier.made.id, earlier.revision)
  return revision ? { deployment: earlier.made, revision: toRevision(revision, earlier.made) } : new IdempotencyConflictError('revision')
}

async function findProblem(ctx: Context, tx: Tx, deployment: DeploymentRow, wanted: NewValues): Promise<ExpectedError | undefined> {
  if (wanted.ifSequence != null && wanted.ifSequence !== deployment.sequence) return new SequenceMismatchError(deployment)
  if (deployment.status !== 'COMPLETE')
    return new StatusConflictError(deployment.status, 'Only a COMPLETE deployment can be redeployed. Retry it, or wait until it is COMPLETE.')
  const [problem] = await findModelProblems(inTransaction(ctx, tx), { ...wanted, locale: deployment.locale })
  if (problem) return problem
  const gateProblem = await findGateProblem(ctx, tx, wanted.gate ?? deployment.gate, deployment.locale)
  if (!wanted.gate && gateProblem instanceof TestSetNotFoundError)
    return new TestSetNotFoundError(null, 'The test set of the gate of the deployment was deleted. Change the gate with updateGate.')
  if (gateProblem || deployment.pendingRevision === null || wanted.supersede) return gateProblem
  const pending = await findRevisionRow(tx, deployment.id, deployment.pendingRevision)
  return pending && new RedeploymentInProgressError(toRevision(pending, deployment))
}

/** The row of a revision, for a change under the lock of the workspace. */
export async function findRevisionRow(tx: Tx, deploymentId: string, number: number): Promise<RevisionRow | undefined> {
  const [found] = await tx
    .select()
    .from(deploymentRevisions)
    .where(and(eq(deploymentRevisions.deploymentId, deploymentId), eq(deploymentRevisions.number, number)))
  return found
}

/** Cancels a pending revision that is in work, or ends its trial. A proved revision stays COMPLETE. */
async function endPending(ctx: Context, tx: Tx, { id, pendingRevision }: DeploymentRow, message: string): Promise<RevisionRow | undefined> {
  const pending = pendingRevision === null ? undefined : await findRevisionRow(tx, id, pendingRevision)
  if (!pending) return undefined
  if (isRevisionTerminal(pending.status)) {
    await changeForRevision(tx, id, endOfTrial, factsOf(pending), message)
    return pending
  }
  await revising.withdraw(tx, ctx, pending)
  return revisionLifecycle.applyChange(tx, pending, { status: 'CANCELED', message })
}

/** Statements without dependencies share round trips. */
async function queueRevision(
  ctx: Context,
  tx: Tx,
  before: DeploymentRow,
  values: Omit<NewValues, 'idempotencyKey' | 'ifSequence'>,
  key: string | null | undefined,
) {
  const { id: deploymentId, workspaceId } = before
  const { acousticModelId, languageModelId, note, canary, shadow } = values
  const gate = values.gate ?? before.gate
  const deadlineSeconds = ctx.limits.deadlineSeconds + (gate ? gateSeconds : 0)
  const number = before.lastRevision + 1
  const own = { workspaceId, deploymentId, number, acousticModelId, languageModelId, note, keyId: ctx.viewer.keyId, gate, sequence: 1 }
  const [, [created]] = await Promise.all([
    recordCurrent(tx, before),
    tx
      .insert(deploymentRevisions)
      .values({ ...own, status: 'QUEUED', ...revising.newPosition({ limits: { deadlineSeconds } }, { workspaceId }) })
      .returning(),
    removeExcess(tx, before),
  ])
  if (!created) throw new Error('A new revision was not inserted.')
  const pending = { pendingRevision: number, lastRevision: number, canaryPercent: canary, shadowPercent: shadow }
  const facts = { ...factsOf(created), previousStatus: null }
  const [deployment] = await Promise.all([
    changeForRevision(tx, deploymentId, pending, facts, `Revision ${number} waits for a worker.`),
    revising.enqueue(tx, ctx, created),
    key ? remember(tx, workspaceId, key, values, { deploymentId, revision: number }) : undefined,
  ])
  return { deployment, revision: toRevision(created, deployment) }
}

/** Gives the current revision a row at the first redeployment. Later the row exists. */
function recordCurrent(tx: Tx, deployment: DeploymentRow): PromiseLike<unknown> {
  const { id: deploymentId, workspaceId, revision: number, acousticModelId, languageModelId, evidence, startedAt, completedAt } = deployment
  const { revisionNote: note, revisionKeyId: keyId, revisionCreatedAt, createdAt } = deployment
  const values = { workspaceId, deploymentId, number, acousticModelId, languageModelId, note, keyId, evidence, startedAt, completedAt }
  return tx
    .insert(deploymentRevisions)
    .values({ ...values, status: 'COMPLETE', progress: 1, createdAt: revisionCreatedAt ?? createdAt })
    .onConflictDoNothing()
}

/** Makes room for one more revision. Those that serve, are pending or served last stay. */
function removeExcess(tx: Tx, { id, revision, previousRevision, pendingRevision, lastRevision }: DeploymentRow): PromiseLike<unknown> {
  const own = and(eq(deploymentRevisions.deploymentId, id), lte(deploymentRevisions.number, lastRevision))
  const kept = [revision, previousRevision, pendingRevision].filter((number) => number !== null)
  const excess: SQL = sql`select ${deploymentRevisions.id} from ${deploymentRevisions} where ${and(own, notInArray(deploymentRevisions.number, kept))}
    order by ${deploymentRevisions.status} = 'COMPLETE', ${deploymentRevisions.number}
    limit greatest(0, (select count(*) from ${deploymentRevisions} where ${own}) - ${sql.raw(String(maxRevisions - 1))})`
  return tx.delete(deploymentRevisions).where(sql`${deploymentRevisions.id} in (${excess})`)
}

/** Cancels the pending revision in any stage, or ends its trial. Repeating the cancellation of the newest revision succeeds. */
export function cancelRedeployment(ctx: Context, deploymentId: string): DeploymentOutcome<Revised> {
  return onDeployment(ctx, deploymentId, async (tx, deployment) => {
    const ended = await endPending(ctx, tx, deployment, 'Canceled on request. The deployment serves as before.')
    const revision = ended ?? (await findRevisionRow(tx, deploymentId, deployment.lastRevision))
    if (!revision || (!ended && revision.status !== 'CANCELED')) return new RevisionNotFoundError()
    const after = ended && (await findDeployment(inTransaction(ctx, tx), deploymentId))
    return { deployment: after ?? deployment, revision: toRevision(revision, deployment) }
  })
}
