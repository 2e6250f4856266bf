import { resolve } from 'node:path'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import { Pool, type PoolClient } from 'pg'
import type { Log } from '../log.ts'
import { refreshNameOrder } from './collation.ts'

/** What statements run on: the pool, or one transaction. */
export type Db = NodePgDatabase
/** A transaction; every statement that belongs together takes one. */
export type Tx = Parameters<Parameters<Db['transaction']>[0]>[0]

/** The database cannot be reached or used; the message says what to check. */
export class DatabaseError extends Error {}

export interface Client {
  db: Db
  pool: Pool
  close(): Promise<void>
}

/** Opens a bounded pool of connections; statements that take longer than 15 s are ended by Postgres. */
export function openClient(url: string, log: Log, connections = 6): Client {
  const pool = new Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: 'custom-speech',
    // A statement whose process was killed would otherwise keep its locks until it is done.
    options: '-c client_connection_check_interval=1000',
    // One that stands still in the middle of a transaction, in whatever process, must not hold up the others.
    idle_in_transaction_session_timeout: 10_000,
    statement_timeout: 15_000,
    // Postgres may be gone without a word: nobody waits for it for longer than this.
    query_timeout: 20_000,
  })
  pool.on('connect', prepareStatements)
  // A connection that breaks while idle is replaced by the pool; only the log needs to know.
  pool.on('error', (error) => log.warn({ error: error.message }, 'a connection to Postgres was lost'))
  return { pool, db: drizzle({ client: pool }), close: () => pool.end() }
}

/** Statements that one connection keeps prepared; ours are fewer, but for lists of changing length. */
const mostPrepared = 500

/**
 * Gives every statement a name, so that Postgres parses and plans it once for each connection. The query
 * builder does so only for statements that are prepared by hand, which ours, put together from filters, cannot be.
 */
function prepareStatements(connection: PoolClient) {
  const names = new Map<string, string>()
  const query = connection.query.bind(connection) as (config: unknown, ...rest: unknown[]) => unknown
  const named = (config: unknown, ...rest: unknown[]) => {
    const { text, name } = (typeof config === 'object' && config ? config : {}) as { text?: string; name?: string }
    if (!text || name || (!names.has(text) && names.size >= mostPrepared)) return query(config, ...rest)
    const known = names.get(text) ?? `s${names.size}`
    names.set(text, known)
    return query({ ...(config as object), name: known }, ...rest)
  }
  connection.query = named as typeof connection.query
}

/** Brings the tables up to date; several processes may do so at once. */
export async function migrateTables({ pool }: Client): Promise<void> {
  const connection = await pool.connect().catch((error) => {
    throw new DatabaseError(`Cannot reach the database (${error.code ?? error.message}). Check DATABASE_URL and that Postgres is running.`)
  })
  try {
    const { rows } = await connection.query("select current_setting('server_version_num')::int as version")
    if (rows[0].version < 180_000) throw new DatabaseError(`The database is Postgres ${Math.floor(rows[0].version / 10_000)}; version 18 or newer is needed.`)
    await connection.query('select pg_advisory_lock(7301)')
    await migrate(drizzle({ client: connection }), { migrationsFolder: resolve(import.meta.dirname, '../../drizzle') })
    await refreshNameOrder(connection)
    await connection.query('select pg_advisory_unlock(7301)')
  } finally {
    connection.release(true)
  }
}
