// Changes a deployment as a job of another process would.
import { onTestFinished } from 'vitest'
import { applyChange, lockDeployment } from '../../src/domain/status.ts'
import { openLog } from '../../src/log.ts'
import { openClient } from '../../src/postgres/client.ts'

export function openWriter(databaseUrl: string) {
  const client = openClient(databaseUrl, openLog('silent'), 4)
  onTestFinished(client.close)
  return {
    /** One step of provisioning; answers the moment of its commit. `beforeCommit` may hold it up. */
    async write(globalId: string, message: string, beforeCommit: () => Promise<unknown> = async () => {}): Promise<number> {
      const id = Buffer.from(globalId, 'base64').toString().split(':')[1] ?? ''
      await client.db.transaction(async (tx) => {
        const row = await lockDeployment(tx, id)
        if (!row) throw new Error('the deployment is gone')
        await applyChange(tx, row, { status: 'PROVISIONING', stage: 'LOADING', message })
        await beforeCommit()
      })
      return performance.now()
    },
  }
}
