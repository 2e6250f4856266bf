// Repeats reads that failed because the server did not answer.
import { useEffect, useRef } from 'react'
import type { CombinedError } from 'urql'

const firstWaitMs = 1000
const maxWaitMs = 15_000

/** Calls `again` after growing pauses, and at once when the network is back, while `error` is a network error. The server's refusals are not retried. */
export function useRetry(error: CombinedError | undefined, again: () => void) {
  const latest = useRef(again)
  latest.current = again
  const isUnreachable = Boolean(error?.networkError)
  useEffect(() => {
    if (!isUnreachable) return
    let timer: ReturnType<typeof setTimeout>
    let waitMs = firstWaitMs
    const ask = () => {
      clearTimeout(timer)
      latest.current()
      waitMs = Math.min(maxWaitMs, waitMs * 2)
      timer = setTimeout(ask, waitMs)
    }
    timer = setTimeout(ask, waitMs)
    window.addEventListener('online', ask)
    return () => {
      clearTimeout(timer)
      window.removeEventListener('online', ask)
    }
  }, [isUnreachable])
}
