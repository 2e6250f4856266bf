import { eq, sql } from 'drizzle-orm'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import { deployments } from '../postgres/deployment-tables.ts'
import { withoutPaths } from '../sandbox/without-paths.ts'
import type { Service } from './context.ts'
import { deploymentLog } from './deployment-lifecycle.ts'

/** Adds a line to a deployment's log and leaves its status as it is; a deployment that is gone needs none. */
export async function noteOnDeployment({ store }: Pick<Service, 'store'>, deploymentId: string, message: string): Promise<void> {
  const [found] = await store.db.select({ workspaceId: deployments.workspaceId }).from(deployments).where(eq(deployments.id, deploymentId))
  if (!found) return
  await changeWorkspace(store.db, found.workspaceId, async (tx) => {
    const [row] = await tx
      .update(deployments)
      .set({ sequence: sql`${deployments.sequence} + 1`, updatedAt: sql`clock_timestamp()` })
      .where(eq(deployments.id, deploymentId))
      .returning()
    if (row) await deploymentLog.record(tx, row, row.status, withoutPaths(message))
  })
}
