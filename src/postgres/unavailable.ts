import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'
import { readTimeout } from './connection.ts'

/** A temporary failure. The message is for clients. */
export interface Unavailable {
  code: 'SERVICE_UNAVAILABLE' | 'TIMEOUT'
  message: string
  retryAfterSeconds: number
}

/** A part of the service is temporarily unavailable. */
export class UnavailableError extends Error {
  readonly unavailable: Unavailable
  constructor(code: Unavailable['code'], message: string) {
    super(message)
    this.unavailable = { code, message, retryAfterSeconds: 1 }
  }
}

const tooSlow: Unavailable = {
  code: 'TIMEOUT',
  message: 'The database did not answer in time. Try again in a few seconds.',
  retryAfterSeconds: 2,
}
const away: Unavailable = {
  code: 'SERVICE_UNAVAILABLE',
  message: 'The database is not available at the moment. Try again in a few seconds.',
  retryAfterSeconds: 2,
}
const readOnly: Unavailable = {
  code: 'SERVICE_UNAVAILABLE',
  message: 'The database cannot be written to at the moment. Try again in a few seconds.',
  retryAfterSeconds: 5,
}
const collided: Unavailable = {
  code: 'SERVICE_UNAVAILABLE',
  message: 'The request collided with another one and changed nothing. Send it again.',
  retryAfterSeconds: 1,
}

const byCode: Record<string, Unavailable> = {
  // query_canceled (a statement timeout), lock_not_available, idle_in_transaction_session_timeout, transaction_timeout
  '57014': tooSlow,
  '55P03': tooSlow,
  '25P03': tooSlow,
  '25P04': tooSlow,
  // serialization_failure, deadlock_detected
  '40001': collided,
  '40P01': collided,
  // read_only_sql_transaction, disk_full
  '25006': readOnly,
  '53100': readOnly,
  // admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout, database_dropped
  '57P01': away,
  '57P02': away,
  '57P03': away,
  '57P05': away,
  '57P04': away,
}

/** Of the driver and of sockets; errors of pg's own have no code. */
const lost =
  /^(Connection terminated|Client (was closed|has encountered a connection error)|Cannot use a pool after|timeout expired|Failed to connect|The server closed the connection)|^(connect|read|write|getaddrinfo) E[A-Z_]+/
const networkCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/** The message for clients when the error or one of its causes shows that Postgres is unavailable, too slow or read-only; otherwise undefined. */
export function explainUnavailable(error: unknown): Unavailable | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const found = explainOne(cause as Error & { code?: string; severity?: string })
    if (found) return found
  }
  return undefined
}

function explainOne(error: Error & { code?: string | undefined; severity?: string | undefined }): Unavailable | undefined {
  if (error instanceof UnavailableError) return error.unavailable
  if (error.severity && error.code) {
    const isClass = (name: string) => error.code?.startsWith(name)
    // Connection exceptions, and insufficient resources such as too many connections.
    return byCode[error.code] ?? (isClass('08') || isClass('53') ? away : undefined)
  }
  if (error.message === readTimeout || error.message === 'timeout exceeded when trying to connect') return tooSlow
  // The error for a host with several addresses, whose message is empty.
  if (error.name === 'AggregateError') return networkCodes.has(error.code ?? '') ? away : undefined
  return lost.test(error.message) && (!error.code || networkCodes.has(error.code)) ? away : undefined
}

/** Logs at most one line a minute, and at the level debug one line for each request, with its id. */
export function logUnavailable(log: Log, error: unknown, id?: string): void {
  const reasons: string[] = []
  for (let cause = error; cause instanceof Error; cause = cause.cause) reasons.unshift((cause as { code?: string }).code ?? cause.message)
  limitLog(log).error({ reason: reasons[0] }, 'requests fail because the database is unavailable')
  log.debug({ id, reason: reasons[0] }, 'a request failed because the database is unavailable')
}
