import { setTimeout as delay } from 'node:timers/promises'
import type { Service } from '../domain/context.ts'
import { enforceDeadlines } from '../domain/deployment-deadline.ts'
import { enforceModelDeadlines } from '../domain/model-building.ts'

/** The interval of the checks of deadlines. Every process with the role api or jobs checks them. */
const deadlinesMs = 1000

/** Enforces deadlines until closed. Rounds fail while Postgres is unavailable. */
export function keepDeadlines(service: Service) {
  const closing = new AbortController()
  const rounds = (async () => {
    while (!closing.signal.aborted) {
      await Promise.all([enforceDeadlines(service), enforceModelDeadlines(service)]).catch((error) =>
        service.log.debug({ reason: error }, 'deadlines were not enforced'),
      )
      await delay(deadlinesMs, undefined, { signal: closing.signal, ref: false }).catch(() => {})
    }
  })()
  return {
    async close() {
      closing.abort()
      await rounds
    },
  }
}
