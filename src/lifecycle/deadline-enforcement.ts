import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../log.ts'

/** Workspaces with a row that is being ended. Each can hold a connection while it waits for the lock of the workspace. */
const underWay = new Set<string>()

const maxUnderWay = 3

const maxWaitMs = 1000

/**
 * Ends the rows that `find` returns. `find` receives the workspaces to leave out, in which rows are still being ended.
 * A workspace whose lock is held delays no other workspace, in this call or the next.
 */
export async function enforceEach<Row extends { workspaceId: string }>(
  { log }: { log: Log },
  find: (held: readonly string[]) => Promise<readonly Row[]>,
  end: (row: Row) => Promise<unknown>,
): Promise<void> {
  const left = [...Map.groupBy(await find([...underWay]), ({ workspaceId }) => workspaceId)]
  let isLate = false
  const endNext = async (): Promise<void> => {
    const [workspaceId, rows] = left.shift() ?? []
    if (isLate || !workspaceId || !rows) return
    underWay.add(workspaceId)
    for (const row of rows) await end(row).catch((error) => log.debug({ reason: error }, 'a deadline was not enforced; the next check tries again'))
    underWay.delete(workspaceId)
    return endNext()
  }
  const ending = Promise.all(Array.from({ length: maxUnderWay - underWay.size }, endNext))
  await Promise.race([ending, delay(maxWaitMs, undefined, { ref: false })])
  isLate = true
}
