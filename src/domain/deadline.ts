import { and, eq, isNull, sql } from 'drizzle-orm'
import type { Db } from '../postgres/client.ts'
import { type DeploymentRow, deployments, type Stage } from '../postgres/tables.ts'
import type { Service } from './context.ts'
import { failDeployment, unfinished } from './provisioning.ts'
import { removeProvisioning } from './queue-place.ts'
import { recordChange } from './status.ts'

/** Seconds that a stage may last, however well it goes on. Large models take long to fetch, and nothing else does. */
const stageSeconds: Record<Stage, number> = { RESOLVING: 120, FETCHING: 3000, BUILDING: 600, LOADING: 600, VERIFYING: 600 }
const longestStage = sql.join(
  Object.entries(stageSeconds).map(([stage, seconds]) => sql`when ${sql.raw(`'${stage}'`)} then ${sql.raw(String(seconds))}`),
  sql` `,
)
const passed = (since: unknown, seconds: unknown) => sql<boolean>`coalesce(clock_timestamp() > ${since} + make_interval(secs => ${seconds}), false)`

/** Reads what has outlived a limit; the database's clock is the only one that counts. */
function findOverdue(db: Db, { stallSeconds, noticeSeconds }: Pick<Service['limits'], 'stallSeconds' | 'noticeSeconds'>) {
  const hasNotMoved = passed(deployments.updatedAt, noticeSeconds)
  const overdue = {
    isPastDeadline: sql<boolean>`coalesce(clock_timestamp() > ${deployments.deadlineAt}, false)`,
    isPastStage: passed(deployments.stageStartedAt, sql`case ${deployments.stage} ${longestStage} end`),
    isStalled: passed(deployments.stalledSince, stallSeconds),
    isSilent: sql<boolean>`${and(eq(deployments.status, 'PROVISIONING'), isNull(deployments.stalledSince), hasNotMoved)}`,
  }
  const any = sql.join(Object.values(overdue), sql` or `)
  return db
    .select({ row: deployments, ...overdue })
    .from(deployments)
    .where(sql`${unfinished} and (${any})`)
    .orderBy(deployments.turn)
    .limit(100)
}

/**
 * Keeps the promise that a deployment never stands still: what has not moved for a while is marked as
 * stalled, what goes on standing or has passed a deadline is FAILED. Any process may do it at any time.
 */
export async function enforceDeadlines(service: Service): Promise<void> {
  const { store, limits } = service
  for (const { row, ...overdue } of await findOverdue(store.db, limits)) {
    const claim = { deploymentId: row.id, workspaceId: row.workspaceId, attempt: row.attempt, run: row.run }
    const stage = row.stage ?? 'RESOLVING'
    const end = async (code: string, message: string) => {
      const failed = await failDeployment(service, claim, { stage, code, message })
      if (failed) await store.db.transaction((tx) => removeProvisioning(tx, service, row))
    }
    if (overdue.isPastDeadline) await end('DEADLINE_EXCEEDED', describeDeadline(row, limits.deadlineSeconds))
    else if (overdue.isPastStage) await end('STAGE_TIMED_OUT', `${stage} took longer than ${stageSeconds[stage]} s and was given up. ${nextStep}`)
    else if (overdue.isStalled) await end('STAGE_STALLED', `${stage} made no progress for ${limits.stallSeconds} s and was given up. ${nextStep}`)
    else {
      const message = `${stage} has not moved for ${limits.noticeSeconds} s. It is given up if it stays like that.`
      await recordChange(store.db, claim, { status: 'PROVISIONING', stage, message, stalledSince: row.updatedAt })
    }
  }
}

const nextStep = 'Try it again; if it fails again, look at the log of the server.'

const describeDeadline = ({ status }: DeploymentRow, seconds: number) =>
  status === 'QUEUED'
    ? `No worker took it within ${seconds} s. Check that a process with the role jobs is running, then try again.`
    : `It was not complete within ${seconds} s and was given up. ${nextStep}`
