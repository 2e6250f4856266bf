import { eq, sql } from 'drizzle-orm'
import { completionTopic, type DeploymentChange, deploymentLog, toProvisioningValues } from '../domain/deployment-lifecycle.ts'
import { cancelGateEvaluations } from '../evaluation/gate-evaluation.ts'
import { createJobClaims } from '../lifecycle/job-claims.ts'
import { jobOfRevision } from '../lifecycle/job-definitions.ts'
import { createLifecycle } from '../lifecycle/lifecycle.ts'
import { revisionQueue } from '../lifecycle/queue-position.ts'
import { noteStatusChange } from '../lifecycle/status-changes.ts'
import type { StatusLog } from '../lifecycle/status-log.ts'
import { toWorkedTable } from '../lifecycle/worked-table.ts'
import type { Tx } from '../postgres/client.ts'
import { type DeploymentRow, deploymentRevisions, deployments, type RevisionRow, type RevisionStatus, type Stage } from '../postgres/deployment-tables.ts'

//   QUEUED ──▶ PROVISIONING ──▶ COMPLETE (serves at once, or is on trial until it is promoted)
//     └──────────────┴────────▶ FAILED or CANCELED (the deployment serves as before)
const moves: Record<RevisionStatus, readonly RevisionStatus[]> = {
  QUEUED: ['PROVISIONING', 'FAILED', 'CANCELED'],
  PROVISIONING: ['PROVISIONING', 'COMPLETE', 'FAILED', 'CANCELED'],
  COMPLETE: [],
  FAILED: [],
  CANCELED: [],
}

/** True when the status does not change any more. */
export const isRevisionTerminal = (status: RevisionStatus) => status !== 'QUEUED' && status !== 'PROVISIONING'

export type RevisionChange = Omit<DeploymentChange, 'status'> & {
  status: RevisionStatus
  /** The evaluation for the gate. */
  evaluationId?: string
}

/** The part of an event of a deployment that concerns a revision. */
interface RevisionFacts {
  number: number
  status: RevisionStatus
  previousStatus: RevisionStatus | null
  stage: Stage | null
  progress: number
}

type DeploymentValues = Partial<{ [Column in keyof DeploymentRow]: DeploymentRow[Column] | ReturnType<typeof sql> }>

/**
 * Changes the row of a deployment because of one of its revisions, and records the event in the deployment's log. The
 * status of the deployment stays. The workspace must be locked.
 */
export async function changeForRevision(tx: Tx, deploymentId: string, values: DeploymentValues, facts: RevisionFacts, message: string, before?: DeploymentRow) {
  const [after] = await tx
    .update(deployments)
    .set({ ...values, sequence: sql`${deployments.sequence} + 1`, updatedAt: sql`clock_timestamp()` } as never)
    .where(eq(deployments.id, deploymentId))
    .returning()
  if (!after) throw new Error('The deployment of a locked revision was not found.')
  const isSwitch = before !== undefined && before.revision !== after.revision
  const isServable = isSwitch || facts.status === 'COMPLETE' || facts.stage === 'VERIFYING'
  await deploymentLog.record(tx, after, after.status, message, {
    facts: {
      progress: facts.progress,
      revision: facts.number,
      revisionStatus: facts.status,
      previousRevisionStatus: facts.previousStatus,
      revisionStage: facts.stage,
      previousCurrentRevision: isSwitch ? before.revision : null,
    },
    // Processes with the role speech load the models of the revision before sessions need them. The many reports of
    // EVALUATING, which follows VERIFYING, would only repeat that.
    topics: isServable ? [completionTopic] : [],
  })
  return after
}

/** The facts of an event that does not change the revision itself. */
export const factsOf = ({ number, status, stage, progress }: RevisionRow): RevisionFacts => ({ number, status, previousStatus: status, stage, progress })

export const endOfTrial = { pendingRevision: null, canaryPercent: null, shadowPercent: null } as const

/** The columns of a deployment after the revision has become the current one. A pending other revision stays pending. */
const toCurrent = (deployment: DeploymentRow, to: RevisionRow): DeploymentValues => ({
  revision: to.number,
  previousRevision: deployment.revision,
  acousticModelId: to.acousticModelId,
  languageModelId: to.languageModelId,
  evidence: to.evidence,
  startedAt: to.startedAt,
  completedAt: to.completedAt,
  revisionNote: to.note,
  revisionKeyId: to.keyId,
  revisionCreatedAt: to.createdAt,
  ...(deployment.pendingRevision === to.number && endOfTrial),
})

/** Makes a proved revision the current one: new sessions are on it from the commit on. The workspace must be locked. */
export const switchTo = (tx: Tx, deployment: DeploymentRow, to: RevisionRow, message: string): Promise<DeploymentRow> =>
  changeForRevision(tx, deployment.id, toCurrent(deployment, to), factsOf(to), message, deployment)

/** Writes the changes of revisions to the log of their deployment. A revision that is proved serves at once, unless it is on trial. */
const revisionLog: StatusLog<RevisionRow> = {
  name: 'revision',
  isTerminal: isRevisionTerminal,
  async record(tx, row, previousStatus, message) {
    const { deploymentId: id, workspaceId, status, failure } = row
    noteStatusChange(tx, { kind: 'revision', id, workspaceId, status, previousStatus, code: failure?.code })
    const facts = { ...factsOf(row), previousStatus }
    if (row.gate && isRevisionTerminal(status)) await cancelGateEvaluations(tx, { workspaceId, deploymentId: id })
    if (status !== 'COMPLETE') {
      await changeForRevision(tx, id, isRevisionTerminal(status) ? endOfTrial : {}, facts, message)
      return
    }
    const [deployment] = await tx.select().from(deployments).where(eq(deployments.id, id))
    if (!deployment) throw new Error('The deployment of a locked revision was not found.')
    if (deployment.canaryPercent === null && deployment.shadowPercent === null)
      await changeForRevision(tx, id, toCurrent(deployment, row), facts, `Revision ${row.number} serves. ${message}`, deployment)
    else await changeForRevision(tx, id, {}, facts, `Revision ${row.number} is on trial. ${message}`)
  },
  // The log of the deployment stays.
  forgetRemoved: async () => 0,
}

export const revisionLifecycle = createLifecycle<'revisionId', RevisionRow, RevisionChange>({
  table: toWorkedTable(deploymentRevisions),
  log: revisionLog,
  key: 'revisionId',
  moves,
  toValues: (change, before) => ({
    ...toProvisioningValues(change, before),
    evaluationId: change.evaluationId ?? before.evaluationId,
    // The evaluation counts its own crashes, and forgets them with each recording.
    ...(change.stage === 'EVALUATING' && { deadRuns: [] }),
  }),
})

/** Queues revisions, and claims them for workers. */
export const revising = createJobClaims('revisionId', revisionQueue, revisionLifecycle, jobOfRevision)
