import { isNotNull, sql } from 'drizzle-orm'
import type { Db } from '../postgres/client.ts'
import { deploymentCounts, deploymentStatus } from '../postgres/deployment-tables.ts'
import { modelStatus, models } from '../postgres/tables.ts'

export interface StatusTotal {
  status: string
  count: number
}

/** The deployments of all workspaces in each status, from the counters. */
export async function readDeploymentTotals(db: Db): Promise<StatusTotal[]> {
  const count = sql<number>`sum(${deploymentCounts.count})::int`
  return withZeros(
    deploymentStatus.enumValues,
    await db.select({ status: deploymentCounts.status, count }).from(deploymentCounts).groupBy(deploymentCounts.status),
  )
}

/** The custom models of all workspaces in each status. */
export async function readModelTotals(db: Db): Promise<StatusTotal[]> {
  const found = await db
    .select({ status: models.status, count: sql<number>`count(*)::int` })
    .from(models)
    .where(isNotNull(models.workspaceId))
    .groupBy(models.status)
  return withZeros(modelStatus.enumValues, found)
}

/** Every status has a figure, so that a rule can tell zero from no answer. */
const withZeros = (statuses: readonly string[], found: readonly StatusTotal[]): StatusTotal[] =>
  statuses.map((status) => ({ status, count: found.find((one) => one.status === status)?.count ?? 0 }))
