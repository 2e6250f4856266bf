import { setTimeout as delay } from 'node:timers/promises'
import type { Route } from './listen.ts'

/** A part that the roles of a process need. `check` rejects while the part cannot serve. */
export interface ReadinessPart {
  check(): Promise<unknown>
}

export interface Readiness {
  /** Checks every part. Probes at the same time share one check. */
  check(): Promise<Record<string, boolean>>
}

/** A part that has not answered by then counts as not ready. Prometheus waits 10 s for the metrics, which have the same answer. */
const limitMs = 5_000

export function createReadiness(parts: Record<string, ReadinessPart>): Readiness {
  const checkAll = async () => {
    const checked = await Promise.all(Object.entries(parts).map(async ([name, part]) => [name, await isReady(part)] as const))
    present = undefined
    return Object.fromEntries(checked)
  }
  let present: Promise<Record<string, boolean>> | undefined
  return {
    check() {
      present ??= checkAll()
      return present
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
