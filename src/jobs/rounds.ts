import { setTimeout as delay } from 'node:timers/promises'

export const hourMs = 60 * 60_000

interface Rounds {
  firstMs: number
  intervalMs: number
  failed: (error: unknown) => void
}

/** Runs something after `firstMs` and again `intervalMs` after each end, until it is closed. */
export function runRounds(run: (signal: AbortSignal) => Promise<unknown>, { firstMs, intervalMs, failed }: Rounds) {
  const closing = new AbortController()
  const { signal } = closing
  const running = (async () => {
    for (let ms = firstMs; !signal.aborted; ms = intervalMs) {
      await delay(ms, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      await run(signal).catch((error) => {
        if (!signal.aborted) failed(error)
      })
    }
  })()
  return {
    async close() {
      closing.abort()
      await running
    },
  }
}
