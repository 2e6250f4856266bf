import { setTimeout as delay } from 'node:timers/promises'
import { and, sql } from 'drizzle-orm'
import { deploymentQueue, isUnfinished } from '../lifecycle/queue-position.ts'
import type { Db } from '../postgres/client.ts'
import { isNoneOf } from '../postgres/columns.ts'
import { type DeploymentRow, deployments, type Stage } from '../postgres/deployment-tables.ts'
import { isWaitingJob } from '../postgres/queue.ts'
import type { Service } from './context.ts'
import { provisioning, recordChange } from './deployment-lifecycle.ts'

/** Seconds that a stage may last, however well it goes on. Large models take long to fetch, and nothing else does. */
const stageSeconds: Record<Stage, number> = { RESOLVING: 120, FETCHING: 3000, BUILDING: 600, LOADING: 600, VERIFYING: 600 }
const maxStage = sql.join(
  Object.entries(stageSeconds).map(([stage, seconds]) => sql`when ${sql.raw(`'${stage}'`)} then ${sql.raw(String(seconds))}`),
  sql` `,
)
const passed = (since: unknown, seconds: unknown) => sql<boolean>`coalesce(clock_timestamp() > ${since} + make_interval(secs => ${seconds}), false)`

/** Reads what has outlived a limit; the database's clock is the only one that counts. */
function findOverdue(db: Db, { stallSeconds, noticeSeconds }: Pick<Service['limits'], 'stallSeconds' | 'noticeSeconds'>, held: readonly string[]) {
  // While its job waits for a worker nobody can move it; only the deadline of the whole goes on.
  const isAtWork = sql`(${deployments.status} = 'PROVISIONING' and not ${isWaitingJob(deployments.jobId)})`
  const overdue = {
    isPastDeadline: passed(deployments.deadlineAt, 0),
    isPastStage: sql<boolean>`${isAtWork} and ${passed(deployments.stageStartedAt, sql`case ${deployments.stage} ${maxStage} end`)}`,
    // Counted from the notice, so that nothing is ended which has only just been looked at, as after a power cut.
    isStalled: sql<boolean>`${isAtWork} and ${deployments.stalledSince} is not null and ${passed(deployments.updatedAt, stallSeconds - noticeSeconds)}`,
    isSilent: sql<boolean>`${isAtWork} and ${deployments.stalledSince} is null and ${passed(deployments.updatedAt, noticeSeconds)}`,
  }
  const any = sql.join(Object.values(overdue), sql` or `)
  return db
    .select({ row: deployments, ...overdue })
    .from(deployments)
    .where(and(sql`${isUnfinished(deploymentQueue)} and (${any})`, isNoneOf(deployments.workspaceId, [...held])))
    .orderBy(deployments.turn)
    .limit(100)
}

type Overdue = Awaited<ReturnType<typeof findOverdue>>[number]

/**
 * Keeps the promise that a deployment never stands still: what has not moved for a while is marked as
 * stalled, what goes on standing or has passed a deadline is FAILED. Any process may do it at any time.
 */
export async function enforceDeadlines(service: Service): Promise<void> {
  const find = async (held: readonly string[]) =>
    (await findOverdue(service.store.db, service.limits, held)).map((one) => ({ ...one, workspaceId: one.row.workspaceId }))
  await enforceEach(service, find, (one) => enforce(service, one))
}

/** Workspaces in which something is being ended. Each may have to wait for its lock, with a connection. */
const underWay = new Set<string>()
const maxUnderWay = 3
const patienceMs = 1000

/**
 * Ends what `find` answers; it is told of which workspaces nothing is wanted at present. A workspace that
 * somebody holds locked keeps none of the others waiting, those of the next look neither.
 */
export async function enforceEach<Row extends { workspaceId: string }>(
  { log }: Service,
  find: (held: readonly string[]) => Promise<readonly Row[]>,
  end: (row: Row) => Promise<unknown>,
): Promise<void> {
  const left = [...Map.groupBy(await find([...underWay]), ({ workspaceId }) => workspaceId)]
  let isLate = false
  const endNext = async (): Promise<void> => {
    const [workspaceId, rows] = left.shift() ?? []
    if (isLate || !workspaceId || !rows) return
    underWay.add(workspaceId)
    for (const row of rows) await end(row).catch((error) => log.debug({ error: String(error) }, 'a deadline could not be enforced yet'))
    underWay.delete(workspaceId)
    return endNext()
  }
  const ending = Promise.all(Array.from({ length: maxUnderWay - underWay.size }, endNext))
  await Promise.race([ending, delay(patienceMs, undefined, { ref: false })])
  isLate = true
}

function enforce(service: Service, { row, isPastDeadline, isPastStage, isStalled }: Overdue): Promise<unknown> {
  const { stallSeconds, noticeSeconds, deadlineSeconds } = service.limits
  const { id: deploymentId, workspaceId, attempt, run, sequence } = row
  const claim = { deploymentId, workspaceId, attempt, run, sequence }
  const stage = row.stage ?? 'RESOLVING'
  const end = (code: string, message: string) => provisioning.fail(service, claim, { stage, code, message })
  if (isPastDeadline) return end('DEADLINE_EXCEEDED', describeDeadline(row, deadlineSeconds))
  if (isPastStage) return end('STAGE_TIMED_OUT', `${stage} took longer than ${stageSeconds[stage]} s and was given up. ${nextStep}`)
  if (isStalled) return end('STAGE_STALLED', `${stage} made no progress for ${stallSeconds} s and was given up. ${nextStep}`)
  const message = `${stage} has not moved for ${noticeSeconds} s. It is given up if it stays like that.`
  return recordChange(service.store.db, claim, { status: 'PROVISIONING', stage, message, stalledSince: row.updatedAt })
}

const nextStep = 'Try it again; if it fails again, look at the log of the server.'

const describeDeadline = ({ status }: DeploymentRow, seconds: number) =>
  status === 'QUEUED'
    ? `No worker took it within ${seconds} s. Check that a process with the role jobs is running, then try again.`
    : `It was not complete within ${seconds} s and was given up. ${nextStep}`
