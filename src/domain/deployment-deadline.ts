import { and, sql } from 'drizzle-orm'
import { enforceEach } from '../lifecycle/deadline-enforcement.ts'
import { deploymentQueue, isUnfinished } from '../lifecycle/queue-position.ts'
import type { Db } from '../postgres/client.ts'
import { isNoneOf } from '../postgres/columns.ts'
import { type DeploymentRow, deployments, type Stage } from '../postgres/deployment-tables.ts'
import { isWaitingJob } from '../postgres/queue.ts'
import type { Service } from './context.ts'
import { provisioning, recordChange } from './deployment-lifecycle.ts'

/** The maximum duration of each stage in seconds, with or without progress. Fetching a large model takes longest. */
const stageSeconds: Record<Stage, number> = { RESOLVING: 120, FETCHING: 3000, BUILDING: 600, LOADING: 600, VERIFYING: 600 }
const maxStage = sql.join(
  Object.entries(stageSeconds).map(([stage, seconds]) => sql`when ${sql.raw(`'${stage}'`)} then ${sql.raw(String(seconds))}`),
  sql` `,
)
const passed = (since: unknown, seconds: unknown) => sql<boolean>`coalesce(clock_timestamp() > ${since} + make_interval(secs => ${seconds}), false)`

/** Reads the deployments that are past a time limit, by the clock of the database. */
function findOverdue(db: Db, { stallSeconds, noticeSeconds }: Pick<Service['limits'], 'stallSeconds' | 'noticeSeconds'>, held: readonly string[]) {
  // While the job of a deployment waits for a worker, only the deadline of the whole provisioning applies.
  const isAtWork = sql`(${deployments.status} = 'PROVISIONING' and not ${isWaitingJob(deployments.jobId)})`
  const overdue = {
    isPastDeadline: passed(deployments.deadlineAt, 0),
    isPastStage: sql<boolean>`${isAtWork} and ${passed(deployments.stageStartedAt, sql`case ${deployments.stage} ${maxStage} end`)}`,
    // The stall counts from the notice, so that a deployment is not failed at the first check after all processes were down.
    isStalled: sql<boolean>`${isAtWork} and ${deployments.stalledSince} is not null and ${passed(deployments.updatedAt, stallSeconds - noticeSeconds)}`,
    isSilent: sql<boolean>`${isAtWork} and ${deployments.stalledSince} is null and ${passed(deployments.updatedAt, noticeSeconds)}`,
  }
  const any = sql.join(Object.values(overdue), sql` or `)
  return db
    .select({ row: deployments, ...overdue })
    .from(deployments)
    .where(and(sql`${isUnfinished(deploymentQueue)} and (${any})`, isNoneOf(deployments.workspaceId, [...held])))
    .orderBy(deployments.queueRank)
    .limit(100)
}

type Overdue = Awaited<ReturnType<typeof findOverdue>>[number]

/**
 * Marks deployments without progress as stalled, and fails those that stay stalled or pass a deadline. Several
 * processes can run this at the same time.
 */
export async function enforceDeadlines(service: Service): Promise<void> {
  const find = async (held: readonly string[]) =>
    (await findOverdue(service.store.db, service.limits, held)).map((one) => ({ ...one, workspaceId: one.row.workspaceId }))
  await enforceEach(service, find, (one) => enforce(service, one))
}

function enforce(service: Service, { row, isPastDeadline, isPastStage, isStalled }: Overdue): Promise<unknown> {
  const { stallSeconds, noticeSeconds, deadlineSeconds } = service.limits
  const { id: deploymentId, workspaceId, attempt, run, sequence } = row
  const claim = { deploymentId, workspaceId, attempt, run, sequence }
  const stage = row.stage ?? 'RESOLVING'
  const end = (code: string, message: string) => provisioning.fail(service, claim, { stage, code, message })
  if (isPastDeadline) return end('DEADLINE_EXCEEDED', describeDeadline(row, deadlineSeconds))
  if (isPastStage) return end('STAGE_TIMED_OUT', `${stage} took longer than ${stageSeconds[stage]} s and was stopped. ${nextStep}`)
  if (isStalled) return end('STAGE_STALLED', `${stage} made no progress for ${stallSeconds} s and was stopped. ${nextStep}`)
  const message = `${stage} has made no progress for ${noticeSeconds} s. The deployment fails if this continues.`
  return recordChange(service.store.db, claim, { status: 'PROVISIONING', stage, message, stalledSince: row.updatedAt })
}

const nextStep = 'Retry the deployment. If it fails again, read the log of the server.'

const describeDeadline = ({ status }: DeploymentRow, seconds: number) =>
  status === 'QUEUED'
    ? `No worker started within ${seconds} s. Check that a process with the role jobs is running, then retry the deployment.`
    : `Provisioning did not complete within ${seconds} s and was stopped. ${nextStep}`
