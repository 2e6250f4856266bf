import { sql } from 'drizzle-orm'
import type { Db, Tx } from '../postgres/client.ts'
import { workspaces } from '../postgres/tables.ts'
import { UnavailableError } from '../postgres/unavailable.ts'

/** The last change of each workspace that this process has begun; the next one of the workspace waits for it. */
const last = new Map<string, Promise<unknown>>()

const maxWaitMs = 20_000
const tooManyChanges = () =>
  new UnavailableError('TIMEOUT', 'This workspace has more changes waiting than can be made in time. Send fewer at once, and try again in a few seconds.')

/**
 * Runs one change of a workspace in a transaction that holds the workspace's lock: from here on its other
 * writers wait, so what is found to be free and within limits stays so, and events are numbered in the
 * order of their commits. Those of this process wait before they take a connection, so that a burst in
 * one workspace leaves the pool to the others.
 */
export function changeWorkspace<T>(db: Db, workspaceId: string, change: (tx: Tx) => Promise<T>): Promise<T> {
  const asked = performance.now()
  const run = () => {
    // Those whose turn comes too late have given up by now; so the rest gets on.
    if (performance.now() - asked > maxWaitMs) throw tooManyChanges()
    return db.transaction(async (tx) => {
      await tx.execute(sql`select from ${workspaces} where id = ${workspaceId} for update`)
      return change(tx)
    })
  }
  const changed = (last.get(workspaceId) ?? Promise.resolve()).then(run)
  const settled = changed.then(
    () => {},
    () => {},
  )
  last.set(workspaceId, settled)
  void settled.then(() => {
    if (last.get(workspaceId) === settled) last.delete(workspaceId)
  })
  return changed
}
