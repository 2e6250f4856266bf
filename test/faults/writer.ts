// Changes a deployment like a job of another process: only the lock in Postgres connects the two.
import { eq, sql } from 'drizzle-orm'
import { onTestFinished } from 'vitest'
import { applyChange } from '../../src/domain/deployment-lifecycle.ts'
import { openLog } from '../../src/log.ts'
import { openClient } from '../../src/postgres/client.ts'
import { deployments } from '../../src/postgres/deployment-tables.ts'
import { uuidOf } from '../support/service.ts'

export function openWriter(databaseUrl: string) {
  const client = openClient(databaseUrl, openLog('silent'))
  onTestFinished(client.close)
  return {
    /** One step of provisioning; returns the time of its commit. `beforeCommit` can delay the commit. */
    async write(globalId: string, message: string, beforeCommit: () => Promise<unknown> = async () => {}): Promise<number> {
      const id = uuidOf(globalId)
      await client.db.transaction(async (tx) => {
        await tx.execute(sql`select from workspaces where id = (select workspace_id from deployments where id = ${id}) for update`)
        const [row] = await tx.select().from(deployments).where(eq(deployments.id, id))
        if (!row) throw new Error('the deployment is gone')
        await applyChange(tx, row, { status: 'PROVISIONING', stage: 'LOADING', message })
        await beforeCommit()
      })
      return performance.now()
    },
  }
}
