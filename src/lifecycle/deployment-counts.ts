import { and, asc, eq, gt, inArray, notExists, type SQL, sql } from 'drizzle-orm'
import type { Log } from '../log.ts'
import type { Db, Tx } from '../postgres/client.ts'
import { type DeploymentStatus, deploymentCounts, deployments } from '../postgres/deployment-tables.ts'
import { workspaces } from '../postgres/tables.ts'
import { changeWorkspace } from './workspace-lock.ts'

export interface StatusCount {
  status: DeploymentStatus
  count: number
}

const { workspaceId, locale, status } = deploymentCounts
const sum = sql<number>`sum(${deploymentCounts.count})::int`
const isCounted = sql`sum(${deploymentCounts.count}) > 0`

/** The number of deployments in each status, from the counters. Statuses without deployments are left out. */
export const readStatusCounts = (db: Db, workspace: string, ofLocale?: string): Promise<StatusCount[]> =>
  db
    .select({ status, count: sum })
    .from(deploymentCounts)
    .where(and(eq(workspaceId, workspace), ofLocale === undefined ? undefined : eq(locale, ofLocale)))
    .groupBy(status)
    .having(isCounted)
    .orderBy(status)

/** The SQL expression for the number of all deployments of a workspace, from the counters. */
export const countedDeployments = (workspace: string) =>
  sql<number>`(select coalesce(sum(${deploymentCounts.count}), 0)::int from ${deploymentCounts} where ${eq(workspaceId, workspace)})`

/** The number of deployments in each locale that has any, from the counters. */
export const readLocaleCounts = (db: Db, workspace: string): Promise<{ locale: string; count: number }[]> =>
  db.select({ locale, count: sum }).from(deploymentCounts).where(eq(workspaceId, workspace)).groupBy(locale).having(isCounted)

/** Workspaces whose deployments one statement counts. */
const workspacesAtOnce = 100

/**
 * Compares the counters with the rows, corrects those that differ and logs each. The triggers change both in one
 * transaction, so a difference means that the triggers were switched off or that the table was restored without them.
 */
export async function correctDeploymentCounts(db: Db, log: Log): Promise<void> {
  const ofNone = db.select({ id: workspaces.id }).from(workspaces).where(eq(workspaces.id, workspaceId))
  await db.delete(deploymentCounts).where(notExists(ofNone))
  for (let last: string | undefined, isMore = true; isMore; ) {
    const found = await db
      .select({ id: workspaces.id })
      .from(workspaces)
      .where(last === undefined ? undefined : gt(workspaces.id, last))
      .orderBy(asc(workspaces.id))
      .limit(workspacesAtOnce)
    isMore = found.length === workspacesAtOnce
    last = found.at(-1)?.id
    const differences = found.length
      ? await findDifferences(
          db,
          found.map(({ id }) => id),
        )
      : []
    for (const wrong of new Set(differences.map((difference) => difference.workspaceId))) await correct(db, wrong, log)
  }
}

/** One statement, so that counters and rows are those of one moment. */
async function findDifferences(db: Db | Tx, ids: string[]) {
  const counted = db.select().from(deploymentCounts).where(inArray(workspaceId, ids)).as('counted')
  const actual = db
    .select({
      workspaceId: deployments.workspaceId,
      locale: deployments.locale,
      status: deployments.status,
      count: sql<number>`count(*)::int`.as('actual_count'),
    })
    .from(deployments)
    .where(inArray(deployments.workspaceId, ids))
    .groupBy(deployments.workspaceId, deployments.locale, deployments.status)
    .as('actual')
  const either = <T>(one: SQL.Aliased<T> | unknown, other: unknown) => sql<T>`coalesce(${one}, ${other})`
  const [actualCount, countedCount] = [either<number>(actual.count, sql`0`), either<number>(counted.count, sql`0`)]
  return db
    .select({
      workspaceId: either<string>(actual.workspaceId, counted.workspaceId),
      locale: either<string>(actual.locale, counted.locale),
      status: either<DeploymentStatus>(actual.status, counted.status),
      actual: actualCount,
      counted: countedCount,
    })
    .from(actual)
    .fullJoin(counted, and(eq(counted.workspaceId, actual.workspaceId), eq(counted.locale, actual.locale), eq(counted.status, actual.status)))
    .where(sql`${actualCount} <> ${countedCount}`)
}

/** Counts anew under the workspace's lock, so that no change falls in between. */
async function correct(db: Db, id: string, log: Log): Promise<void> {
  const corrected = await changeWorkspace(db, id, async (tx) => {
    const differences = await findDifferences(tx, [id])
    for (const { actual: count, counted: _, ...key } of differences)
      await tx
        .insert(deploymentCounts)
        .values({ ...key, count })
        .onConflictDoUpdate({ target: [workspaceId, locale, status], set: { count } })
    return differences
  })
  for (const difference of corrected) log.warn(difference, 'a counter of deployments was wrong and was corrected')
}
