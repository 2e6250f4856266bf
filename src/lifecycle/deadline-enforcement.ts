import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../log.ts'

/** Workspaces in which something is being ended. Each may have to wait for its lock, with a connection. */
const underWay = new Set<string>()

const maxUnderWay = 3

const maxWaitMs = 1000

/**
 * Ends what `find` answers; it is told of which workspaces nothing is wanted at present. A workspace that
 * somebody holds locked keeps none of the others waiting, those of the next look neither.
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
    for (const row of rows) await end(row).catch((error) => log.debug({ error: String(error) }, 'a deadline could not be enforced yet'))
    underWay.delete(workspaceId)
    return endNext()
  }
  const ending = Promise.all(Array.from({ length: maxUnderWay - underWay.size }, endNext))
  await Promise.race([ending, delay(maxWaitMs, undefined, { ref: false })])
  isLate = true
}
