import { and, sql } from 'drizzle-orm'
import { enforceEach } from '../lifecycle/deadline-enforcement.ts'
import { deploymentQueue, isUnfinished, type JobQueue } from '../lifecycle/queue-position.ts'
import type { Db } from '../postgres/client.ts'
import { isNoneOf } from '../postgres/columns.ts'
import type { Failure, Stage } from '../postgres/deployment-tables.ts'
import { isWaitingJob } from '../postgres/queue.ts'
import type { Service } from './context.ts'
import { provisioning, recordChange } from './deployment-lifecycle.ts'

/** The maximum duration of the evaluations of a gate in seconds. They wait for capacity that clients leave. */
export const gateSeconds = 12 * 3600

/** The maximum duration of each stage in seconds, with or without progress. */
const stageSeconds: Record<Stage, number> = { RESOLVING: 120, FETCHING: 3000, BUILDING: 600, LOADING: 600, VERIFYING: 600, EVALUATING: gateSeconds }
const maxStage = sql.join(
  Object.entries(stageSeconds).map(([stage, seconds]) => sql`when ${sql.raw(`'${stage}'`)} then ${sql.raw(String(seconds))}`),
  sql` `,
)
const passed = (since: unknown, seconds: unknown) => sql<boolean>`coalesce(clock_timestamp() > ${since} + make_interval(secs => ${seconds}), false)`

type TimeLimits = Pick<Service['limits'], 'stallSeconds' | 'noticeSeconds' | 'deadlineSeconds'>

/** Reads the deployments or revisions that are past a time limit, by the clock of the database. */
function findOverdue(db: Db, queue: JobQueue, { stallSeconds, noticeSeconds }: TimeLimits, held: readonly string[]) {
  const { table } = queue
  // While the job of a row waits for a worker, only the deadline of the whole provisioning applies.
  const isAtWork = sql`(${table.status} = 'PROVISIONING' and not ${isWaitingJob(table.jobId)})`
  // An evaluation makes no progress while clients need all recognizers.
  const isExpectedToProgress = sql`(${isAtWork} and ${table.stage} is distinct from 'EVALUATING')`
  const overdue = {
    isPastDeadline: passed(table.deadlineAt, 0),
    isPastStage: sql<boolean>`${isAtWork} and ${passed(table.stageStartedAt, sql`case ${table.stage} ${maxStage} end`)}`,
    // The stall counts from the notice, so that a row is not failed at the first check after all processes were down.
    isStalled: sql<boolean>`${isExpectedToProgress} and ${table.stalledSince} is not null and ${passed(table.updatedAt, stallSeconds - noticeSeconds)}`,
    isSilent: sql<boolean>`${isExpectedToProgress} and ${table.stalledSince} is null and ${passed(table.updatedAt, noticeSeconds)}`,
  }
  const any = sql.join(Object.values(overdue), sql` or `)
  return db
    .select({ row: provisioningColumns(table), ...overdue })
    .from(table)
    .where(and(sql`${isUnfinished(queue)} and (${any})`, isNoneOf(table.workspaceId, [...held])))
    .orderBy(table.queueRank)
    .limit(100)
}

const provisioningColumns = ({ id, workspaceId, status, stage, attempt, run, sequence, updatedAt, gate }: JobQueue['table']) => ({
  id,
  workspaceId,
  status,
  stage,
  attempt,
  run,
  sequence,
  updatedAt,
  gate,
})

type Overdue = Awaited<ReturnType<typeof findOverdue>>[number]

/** The effects of time limits on the rows of one kind. */
interface Enforcement {
  queue: JobQueue
  fail(row: Overdue['row'], failure: Failure): Promise<unknown>
  notice(row: Overdue['row'], change: { stage: Stage; message: string; stalledSince: Date }): Promise<unknown>
  /** The seconds that a row has beyond DEADLINE_SECONDS. */
  moreSeconds?(row: Overdue['row']): number
  /** The thing that fails, and the advice at the end of messages. */
  words: { subject: string; nextStep: string }
}

/**
 * Marks deployments without progress as stalled, and fails those that stay stalled or pass a deadline. Several
 * processes can run this at the same time.
 */
export const enforceDeadlines = (service: Service): Promise<void> =>
  enforceProvisioning(service, {
    queue: deploymentQueue,
    fail: (row, failure) => provisioning.fail(service, toClaim(row), failure),
    notice: (row, change) => recordChange(service.store.db, toClaim(row), { status: 'PROVISIONING', ...change }),
    words: { subject: 'deployment', nextStep: 'Retry the deployment.' },
  })

const toClaim = ({ id: deploymentId, workspaceId, attempt, run, sequence }: Overdue['row']) => ({ deploymentId, workspaceId, attempt, run, sequence })

/** {@link enforceDeadlines}, for the rows of one kind that are provisioned. */
export async function enforceProvisioning(service: Service, enforcement: Enforcement): Promise<void> {
  const find = async (held: readonly string[]) =>
    (await findOverdue(service.store.db, enforcement.queue, service.limits, held)).map((one) => ({ ...one, workspaceId: one.row.workspaceId }))
  await enforceEach(service, find, (one) => enforce(service.limits, enforcement, one))
}

function enforce(limits: TimeLimits, enforcement: Enforcement, { row, isPastDeadline, isPastStage, isStalled }: Overdue): Promise<unknown> {
  const { fail, notice, moreSeconds, words } = enforcement
  const { stallSeconds, noticeSeconds } = limits
  const deadlineSeconds = limits.deadlineSeconds + (moreSeconds?.(row) ?? 0)
  const stage = row.stage ?? 'RESOLVING'
  const nextStep = `${words.nextStep} If it fails again, read the log of the server.`
  const end = (code: string, message: string) => fail(row, { stage, code, message })
  if (isPastDeadline) {
    const started = `Provisioning did not complete within ${deadlineSeconds} s and was stopped. ${nextStep}`
    const { nextStep: advice } = words
    const queued = `No worker started within ${deadlineSeconds} s. Check that a process with the role jobs is running, then ${advice[0]?.toLowerCase()}${advice.slice(1)}`
    return end('DEADLINE_EXCEEDED', row.status === 'QUEUED' ? queued : started)
  }
  if (isPastStage) return end('STAGE_TIMED_OUT', `${stage} took longer than ${stageSeconds[stage]} s and was stopped. ${nextStep}`)
  if (isStalled) return end('STAGE_STALLED', `${stage} made no progress for ${stallSeconds} s and was stopped. ${nextStep}`)
  const message = `${stage} has made no progress for ${noticeSeconds} s. The ${words.subject} fails if this continues.`
  return notice(row, { stage, message, stalledSince: row.updatedAt })
}
