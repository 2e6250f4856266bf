import { Client, type ClientBase } from 'pg'

/** The message of pg's own timer; it has no code. */
export const readTimeout = 'Query read timeout'

/**
 * A connection that is closed when a statement gets no answer in time. The server may still execute that
 * statement: if it was a BEGIN, the next statement on the same connection would succeed inside a transaction
 * that nobody commits.
 */
export class Connection extends Client {
  constructor(config?: ConstructorParameters<typeof Client>[0]) {
    super(config)
    const query = this.query.bind(this) as (...args: unknown[]) => unknown
    const guarded = (...args: unknown[]) => {
      const result = query(...args)
      if (result instanceof Promise) result.catch((error: Error) => error.message === readTimeout && void this.end())
      return result
    }
    this.query = guarded as typeof this.query
    // A connection that breaks while it is in use rejects its statement; without a listener it would also end the process.
    this.on('error', () => {})
  }
}

/** Every connection waits this long for the server; a server that froze sends no answer and no error. */
export const timeouts = { connectionTimeoutMillis: 5_000, query_timeout: 20_000, keepAlive: true }

// Sent after connecting: PgBouncer refuses connections that carry these settings as startup parameters.
// A server on Windows refuses the last one.
const sessionSettings = `
  set statement_timeout = 15000;
  set idle_in_transaction_session_timeout = 10000;
  set idle_session_timeout = 0;
  do $$ begin
    set client_connection_check_interval = 1000;
  exception when others then null;
  end $$`

/**
 * Bounds what a connection may hold up: statements end after 15 s, transactions that stand still after 10 s,
 * and statements whose client is gone within a second.
 */
export async function applySessionSettings(connection: ClientBase): Promise<void> {
  await connection.query(sessionSettings)
}
