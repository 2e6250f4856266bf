/** A temporary failure. The message is for clients. */
export interface Unavailable {
  code: 'SERVICE_UNAVAILABLE' | 'TIMEOUT'
  message: string
  retryAfterSeconds: number
}

/** A part of the service is temporarily unavailable. */
export class UnavailableError extends Error {
  readonly unavailable: Unavailable
  constructor(code: Unavailable['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.unavailable = { code, message, retryAfterSeconds: 1 }
  }
}

/** The connection was closed before the answer came, by the server or on the way. The statement can have had its effect. */
export class ConnectionLostError extends Error {
  readonly code = 'CONNECTION_LOST'
  constructor(options?: ErrorOptions) {
    super('The connection to Postgres was lost.', options)
  }
}

/** The server did not answer in time. The statement can have had its effect. */
export class NoAnswerError extends Error {
  readonly code = 'NO_ANSWER'
  constructor() {
    super('Postgres did not answer in time.')
  }
}

/** All connections were in use for too long. The statement was not sent. */
export class NoConnectionError extends Error {
  readonly code = 'NO_CONNECTION'
  constructor() {
    super('No connection to Postgres became free in time.')
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
  // Of connection.ts and pool.ts.
  CONNECTION_LOST: away,
  NO_ANSWER: tooSlow,
  NO_CONNECTION: tooSlow,
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

const lost = /^(connect|read|write|getaddrinfo) E[A-Z_]+/
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
  const code = error.code ?? ''
  const known = byCode[code]
  if (known) return known
  // Connection exceptions, and insufficient resources such as too many connections.
  if (error.severity) return code.startsWith('08') || code.startsWith('53') ? away : undefined
  // Of a host with several addresses; its own message is empty.
  if (error.name === 'AggregateError' || lost.test(error.message)) return networkCodes.has(code) ? away : undefined
  return undefined
}
