import { createLookUp } from '../postgres/look-up.ts'

/** Calls listeners when a key or a session ends. */
export interface EndWatch {
  /** False when the row with this id has ended. */
  isLive(id: string): Promise<boolean>
  /** Calls `ended` once when the row ends or `expiresAt` has passed, in the order of the calls. Returns a function that removes the listener. */
  wait(id: string, expiresAt: Date | null, ended: () => void): () => void
  /** Checks every row that has listeners. */
  checkAll(): void
  close(): void
}

const maxTimerMs = 2 ** 31 - 1
/** The interval of checks while Postgres is unavailable, or has not reached the expiry. */
const retryMs = 1_000

/** `findLive` returns those of the rows that have not ended. `now` is the clock by which they end. */
export function createEndWatch(findLive: (ids: readonly string[]) => Promise<ReadonlySet<string>>, now: () => number): EndWatch {
  const waiting = new Map<string, Set<() => void>>()
  const unsure = new Set<string>()
  const liveness = createLookUp(async (ids: readonly string[]) => {
    const live = await findLive(ids)
    return (id) => live.has(id)
  })
  const check = async (id: string) => {
    const isLive = await liveness.load(id).catch(() => 'unknown' as const)
    if (isLive === 'unknown') return checkAgain(id)
    if (isLive) return
    for (const ended of [...(waiting.get(id) ?? [])]) ended()
    waiting.delete(id)
  }
  const checkAgain = (id: string) => {
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
      const awaitExpiry = (moment: Date, minMs = 0) => {
        const ms = Math.max(minMs, moment.getTime() - now() + 50)
        const expire = async () => {
          if (ms <= maxTimerMs) await check(id)
          // A timer cannot be longer than 24 days, and Postgres can find that the row is still live.
          if (others.has(ended) && waiting.get(id) === others) awaitExpiry(moment, retryMs)
        }
        timer = setTimeout(() => void expire(), Math.min(maxTimerMs, ms)).unref()
      }
      if (expiresAt) awaitExpiry(expiresAt)
      // The row can have ended between authentication and this call.
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
