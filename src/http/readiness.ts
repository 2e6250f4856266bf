import { setTimeout as delay } from 'node:timers/promises'
import type { Route } from './listen.ts'

/** A part that the roles of a process need. `check` rejects while the part cannot serve. */
export interface ReadinessPart {
  check(): Promise<unknown>
}

export interface Readiness {
  /** Checks every part, or answers the result of a check that began less than a second ago. */
  check(): Promise<Record<string, boolean>>
}

/** Probes of several balancers share one check. */
const sharedMs = 1_000
/** A part that has not answered by then counts as not ready. Prometheus waits 10 s for the metrics, which have the same answer. */
const limitMs = 5_000

export function createReadiness(parts: Record<string, ReadinessPart>): Readiness {
  let latest: Promise<Record<string, boolean>> | undefined
  let begun = 0
  let isPending = false
  return {
    check() {
      if (latest && (isPending || performance.now() - begun < sharedMs)) return latest
      begun = performance.now()
      isPending = true
      latest = Promise.all(Object.entries(parts).map(async ([name, part]) => [name, await isReady(part)] as const)).then((checked) => {
        isPending = false
        return Object.fromEntries(checked)
      })
      return latest
    },
  }
}

/** Readiness: 200 when every part can serve, otherwise 503. The body names each part. */
export const readyRoute = (readiness: Readiness): Route => ({
  name: '/ready',
  matches: (path) => path === '/ready',
  async handle(_, response) {
    const parts = await readiness.check()
    const areReady = Object.values(parts).every(Boolean)
    response.writeHead(areReady ? 200 : 503, { 'content-type': 'application/json' })
    response.end(`${JSON.stringify({ status: areReady ? 'ready' : 'not ready', ...parts })}\n`)
  },
})

async function isReady(part: ReadinessPart): Promise<boolean> {
  const inTime = new AbortController()
  const late = delay(limitMs, false, { signal: inTime.signal, ref: false }).catch(() => false)
  const checked = part.check().then(
    () => true,
    () => false,
  )
  return Promise.race([checked, late]).finally(() => inTime.abort())
}
