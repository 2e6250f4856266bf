import { sql } from 'drizzle-orm'
import { createEventLog, rowTopic, statusTopic } from '../lifecycle/event-log.ts'
import { createJobClaims } from '../lifecycle/job-claims.ts'
import { provisionDeployment } from '../lifecycle/job-definitions.ts'
import { createLifecycle } from '../lifecycle/lifecycle.ts'
import { deploymentQueue } from '../lifecycle/queue-position.ts'
import { toWorkedTable } from '../lifecycle/worked-table.ts'
import {
  type DeploymentEventRow,
  type DeploymentRow,
  type DeploymentStatus,
  deploymentEvents,
  deployments,
  type Evidence,
  type Failure,
  type Stage,
} from '../postgres/deployment-tables.ts'

//   QUEUED ──▶ PROVISIONING ──▶ COMPLETE ─▶ SUSPENDED ─┐ (resumed: QUEUED)
//     │  ▲          ├─────────▶ FAILED ──────────────────┤
//     │  │          └─────────▶ CANCELED ────────────────┤ (retried: QUEUED)
//     │  └───────────────────────────────────────────────┘    any ──▶ DELETING ──▶ gone
const moves: Record<DeploymentStatus, readonly DeploymentStatus[]> = {
  QUEUED: ['PROVISIONING', 'FAILED', 'CANCELED', 'DELETING'],
  PROVISIONING: ['PROVISIONING', 'COMPLETE', 'FAILED', 'CANCELED', 'DELETING'],
  COMPLETE: ['SUSPENDED', 'DELETING'],
  SUSPENDED: ['QUEUED', 'DELETING'],
  FAILED: ['QUEUED', 'DELETING'],
  CANCELED: ['QUEUED', 'DELETING'],
  DELETING: [],
}

/** True when the status changes only on request. */
export const isTerminal = (status: DeploymentStatus) => status !== 'QUEUED' && status !== 'PROVISIONING'

export interface DeploymentChange {
  status: DeploymentStatus
  message: string
  stage?: Stage | null
  /** The progress of the whole provisioning, 0 to 1; unchanged when omitted. */
  progress?: number
  failure?: Failure
  evidence?: Evidence
  /** The time of the last progress, for a stalled deployment. Every other change clears it. */
  stalledSince?: Date
}

/** The columns that a change of provisioning sets, for a deployment or one of its revisions. */
export function toProvisioningValues(
  change: Pick<DeploymentChange, 'stage' | 'evidence' | 'stalledSince'> & { status: string },
  before: Pick<DeploymentRow, 'stage' | 'evidence' | 'stageStartedAt' | 'startedAt'> & { status: string },
) {
  const isBeginning = change.status === 'PROVISIONING' && before.status === 'QUEUED'
  const stage = change.stage ?? null
  return {
    evidence: change.evidence ?? before.evidence,
    stageStartedAt: stage === before.stage && !isBeginning ? before.stageStartedAt : stage && sql`clock_timestamp()`,
    stalledSince: change.stalledSince ?? null,
    startedAt: isBeginning ? sql`clock_timestamp()` : before.startedAt,
  }
}

/** The topic that notifies the subscribers of one deployment. */
export const deploymentTopic = (id: string) => rowTopic('deployment', id)

/** The topic that notifies of each deployment that becomes COMPLETE, in any workspace. */
export const completionTopic = statusTopic('deployment', 'COMPLETE')

/** The topic that notifies of each deployment that becomes SUSPENDED, in any workspace. */
export const suspensionTopic = statusTopic('deployment', 'SUSPENDED')

export const deploymentLog = createEventLog<DeploymentRow, DeploymentEventRow>({
  name: 'deployment',
  table: deploymentEvents,
  key: 'deploymentId',
  position: 'position',
  isTerminal,
  // The event of a deletion ends the log, whatever was pending.
  toFacts: ({ locale, status, revision, pendingRevision }) => ({
    locale,
    currentRevision: revision,
    pendingRevision: status === 'DELETING' ? null : pendingRevision,
  }),
})

export const deploymentLifecycle = createLifecycle<'deploymentId', DeploymentRow, DeploymentChange>({
  table: toWorkedTable(deployments),
  log: deploymentLog,
  key: 'deploymentId',
  moves,
  toValues: (change, before) => ({
    ...toProvisioningValues(change, before),
    suspendedAt: change.status === 'SUSPENDED' ? sql`clock_timestamp()` : null,
  }),
})

export const { mayMove, applyChange, recordChange } = deploymentLifecycle

/** Queues deployments, and claims them for workers. */
export const provisioning = createJobClaims('deploymentId', deploymentQueue, deploymentLifecycle, () => provisionDeployment)
