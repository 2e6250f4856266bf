import { sql } from 'drizzle-orm'
import type { Db, Tx } from '../postgres/client.ts'
import { workspaces } from '../postgres/tables.ts'
import { UnavailableError } from '../postgres/unavailable.ts'
import { announceStatusChanges } from './status-changes.ts'
import { createTurns } from './turns.ts'

/** The next change of a workspace waits for the last one in this process. */
const inTurn = createTurns()

const maxWaitMs = 20_000
const tooManyChanges = () =>
  new UnavailableError('TIMEOUT', 'Too many changes of this workspace are waiting. Send fewer changes at once, and try again in a few seconds.')

/**
 * Runs one change of a workspace in a transaction that holds the lock of the workspace. Other writers wait, so checks
 * of names and limits stay true until the commit, and events are numbered in the order of the commits. Changes of this
 * process wait without a connection, so that a burst in one workspace leaves the pool to the others.
 */
export function changeWorkspace<T>(db: Db, workspaceId: string, change: (tx: Tx) => Promise<T>): Promise<T> {
  const requested = performance.now()
  return inTurn(workspaceId, async () => {
    // The client of a change that waited too long has timed out, so the change is dropped.
    if (performance.now() - requested > maxWaitMs) throw tooManyChanges()
    let within: Tx | undefined
    const result = await db.transaction(async (tx) => {
      within = tx
      await tx.execute(sql`select from ${workspaces} where id = ${workspaceId} for update`)
      return change(tx)
    })
    if (within) announceStatusChanges(db, within)
    return result
  })
}
