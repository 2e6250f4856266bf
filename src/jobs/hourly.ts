import { setTimeout as delay } from 'node:timers/promises'

const intervalMs = 60 * 60_000

interface Hourly {
  firstMs: number
  failed: (error: unknown) => void
}

/** Runs something after `firstMs` and every hour after its end, until it is closed. */
export function runHourly(run: (signal: AbortSignal) => Promise<void>, { firstMs, failed }: Hourly) {
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
