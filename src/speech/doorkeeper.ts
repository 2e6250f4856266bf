import { setTimeout as delay } from 'node:timers/promises'

/** The Speech SDK tries a refused key five times within a tenth of a second. */
const freeFailures = 30
const forgetMs = 60_000
const penaltyMs = 1_000
const mostKnown = 10_000
const mostWaiting = 200

/**
 * Slows down whoever tries keys. Only those who have just been refused wait: a good key is let in at
 * once from the same address, so that nobody can lock others out.
 */
export function createDoorkeeper(now: () => number = () => performance.now()) {
  const failures = new Map<string, { count: number; since: number }>()
  let waiting = 0
  return {
    /** Resolves when a refusal may be told. */
    async refuse(address: string): Promise<void> {
      const known = failures.get(address)
      const isFresh = known !== undefined && now() - known.since < forgetMs
      const entry = isFresh ? known : { count: 0, since: now() }
      entry.count++
      if (failures.size >= mostKnown) failures.clear()
      failures.set(address, entry)
      if (entry.count <= freeFailures || waiting >= mostWaiting) return
      waiting++
      await delay(penaltyMs)
      waiting--
    },
  }
}
