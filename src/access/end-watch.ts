import { createLookUp } from '../postgres/look-up.ts'

/** Tells those who wait when what they came with, a key or a session, ends. */
export interface EndWatch {
  /** False once the row with this id has ended. */
  isLive(id: string): Promise<boolean>
  /** Calls `ended` once when the row ends or `expiresAt` has passed, those who have waited longest first. Returns the way to stop waiting. */
  wait(id: string, expiresAt: Date | null, ended: () => void): () => void
  /** Looks at every row that is waited for: any of them may have ended. */
  checkAll(): void
  close(): void
}

const maxTimerMs = 2 ** 31 - 1
/** While Postgres does not say whether a row is live, it is asked so often. */
const retryMs = 1_000

/** `findLive` answers which of some rows have not ended. */
export function createEndWatch(findLive: (ids: readonly string[]) => Promise<ReadonlySet<string>>): EndWatch {
  const waiting = new Map<string, Set<() => void>>()
  const unsure = new Set<string>()
  const liveness = createLookUp(async (ids: readonly string[]) => {
    const live = await findLive(ids)
    return (id) => live.has(id)
  })
  const check = async (id: string) => {
    const isLive = await liveness.load(id).catch(() => 'unknown' as const)
    if (isLive === 'unknown') return askAgain(id)
    if (isLive) return
    for (const ended of [...(waiting.get(id) ?? [])]) ended()
    waiting.delete(id)
  }
  const askAgain = (id: string) => {
    if (unsure.has(id)) return
    unsure.add(id)
    setTimeout(() => {
      unsure.delete(id)
      if (waiting.has(id)) void check(id)
    }, retryMs).unref()
  }

  return {
    isLive: (id) => liveness.load(id),
    wait(id, expiresAt, ended) {
      const others = waiting.get(id) ?? new Set()
      waiting.set(id, others.add(ended))
      let timer: NodeJS.Timeout | undefined
      const awaitExpiry = (moment: Date) => {
        const ms = moment.getTime() - Date.now() + 50
        // No timer is as long as a month.
        timer = setTimeout(() => (ms > maxTimerMs ? awaitExpiry(moment) : void check(id)), Math.min(maxTimerMs, ms)).unref()
      }
      if (expiresAt) awaitExpiry(expiresAt)
      // It may have ended between being let in and waiting here.
      void check(id)
      return () => {
        clearTimeout(timer)
        others.delete(ended)
        if (others.size === 0 && waiting.get(id) === others) waiting.delete(id)
      }
    },
    checkAll() {
      for (const id of waiting.keys()) void check(id)
    },
    close: () => waiting.clear(),
  }
}
