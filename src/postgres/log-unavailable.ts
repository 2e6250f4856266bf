import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'

/** Logs at most one line a minute, and at the level debug one line for each request, with its id. */
export function logUnavailable(log: Log, error: unknown, id?: string): void {
  limitLog(log).error({ reason: error }, 'requests fail because the database is unavailable')
  log.debug({ id, reason: error }, 'a request failed because the database is unavailable')
}
