import DataLoader from 'dataloader'
import { and, eq, inArray, lt, or, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Tx } from '../postgres/client.ts'
import { type DeploymentRow, deployments } from '../postgres/tables.ts'
import type { Service } from './context.ts'
import { provisionDeployment } from './jobs.ts'

const waits = inArray(deployments.status, ['QUEUED', 'PROVISIONING'])

/**
 * A place among everything that waits, and the moment by which it must be over. First come first served
 * within a workspace, in turn between workspaces: one more turn than the workspace's last, but never
 * behind the backlog of others (start-time fair queueing: Goyal, Vin, Cheng, 1996).
 */
export async function takePlace(tx: Tx, { limits }: Pick<Service, 'limits'>, workspaceId: string) {
  const [present] = await tx
    .select({
      own: sql<number | null>`max(${deployments.turn}) filter (where ${deployments.workspaceId} = ${workspaceId})`,
      atWork: sql<number | null>`max(${deployments.turn}) filter (where ${deployments.status} = 'PROVISIONING')`,
      first: sql<number | null>`min(${deployments.turn})`,
    })
    .from(deployments)
    .where(waits)
  const now = present?.atWork ?? present?.first ?? 0
  return {
    turn: Math.max(now, (present?.own ?? -1) + 1),
    deadlineAt: sql`clock_timestamp() + make_interval(secs => ${limits.deadlineSeconds})` as unknown as Date,
  }
}

/** Asks for the deployment's provisioning; a delay is in seconds. */
export async function enqueueProvisioning(tx: Tx, { store }: Pick<Service, 'store'>, row: DeploymentRow, delay = 0): Promise<void> {
  const { id: deploymentId, workspaceId, attempt, failedTries } = row
  const payload = { deploymentId, workspaceId, attempt, failedTries }
  const jobId = await store.queue.enqueue(tx, provisionDeployment, payload, { priority: -row.turn, delay })
  await tx.update(deployments).set({ jobId }).where(eq(deployments.id, deploymentId))
}

/** Takes the wish back: nothing is left in the queue. A worker that is at it already learns it from the row. */
export async function removeProvisioning(tx: Tx, { store }: Pick<Service, 'store'>, { jobId }: DeploymentRow): Promise<void> {
  if (jobId) await store.queue.remove(tx, provisionDeployment, jobId)
}

export type LoadQueuePosition = (deploymentId: string) => Promise<number>

/** How many wait before a deployment; asked for together for all rows of a list. */
export function createQueuePositionLoader({ store }: Service): LoadQueuePosition {
  const loader = new DataLoader<string, number>(
    async (ids) => {
      const before = alias(deployments, 'before')
      const isBefore = or(lt(before.turn, deployments.turn), and(eq(before.turn, deployments.turn), lt(before.id, deployments.id)))
      const rows = await store.db
        .select({ id: deployments.id, count: sql<number>`count(${before.id})::int` })
        .from(deployments)
        .leftJoin(before, and(eq(before.status, 'QUEUED'), isBefore))
        .where(inArray(deployments.id, [...ids]))
        .groupBy(deployments.id)
      const found = new Map(rows.map(({ id, count }) => [id, count]))
      return ids.map((id) => found.get(id) ?? 0)
    },
    { cache: false },
  )
  return (id) => loader.load(id)
}
