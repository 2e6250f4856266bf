import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'

/** Logs at most one line a minute, and at the level debug one line for each request, with its id. */
export function logUnavailable(log: Log, error: unknown, id?: string): void {
  const reasons: string[] = []
  for (let cause = error; cause instanceof Error; cause = cause.cause) reasons.unshift((cause as { code?: string }).code ?? cause.message)
  limitLog(log).error({ reason: reasons[0] }, 'requests fail because the database is unavailable')
  log.debug({ id, reason: reasons[0] }, 'a request failed because the database is unavailable')
}
