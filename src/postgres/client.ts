import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { Pool, type PoolClient } from 'pg'
import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'
import { applySessionSettings, Connection, timeouts } from './connection.ts'

/** What statements run on: the pool, or one transaction. */
export type Db = NodePgDatabase
/** A transaction; every statement that belongs together takes one. */
export type Tx = Parameters<Parameters<Db['transaction']>[0]>[0]

export interface Client {
  db: Db
  pool: Pool
  close(): Promise<void>
}

/** A server that does not answer keeps nobody from closing for longer than this. */
const closeMs = 1_000

/** Opens a bounded pool of connections; statements that take longer than 15 s are ended by Postgres. */
export function openClient(url: string, log: Log, connections = 6): Client {
  const pool = new Pool({
    connectionString: url,
    max: connections,
    ...timeouts,
    idleTimeoutMillis: 60_000,
    application_name: 'custom-speech',
    Client: Connection,
    onConnect: applySessionSettings,
  })
  const open = new Set<PoolClient>()
  pool.on('connect', (connection) => {
    open.add(connection)
    prepareStatements(connection)
  })
  pool.on('remove', (connection) => open.delete(connection))
  let isClosing = false
  // A connection that breaks while idle is replaced by the pool; only the log needs to know. The pool has ended
  // before its connections have, so that a server which stops behind it may still reach them.
  pool.on('error', (error) => isClosing || limitLog(log).warn({ error: error.message }, 'a connection to Postgres was lost'))
  return {
    pool,
    db: drizzle({ client: pool }),
    async close() {
      isClosing = true
      const late = setTimeout(() => {
        for (const connection of open) destroy(connection)
      }, closeMs)
      await pool.end().finally(() => clearTimeout(late))
    },
  }
}

const destroy = (connection: PoolClient) => (connection as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()

/** Statements that one connection keeps prepared; ours are fewer, but for lists of changing length. */
const maxPrepared = 500

/**
 * Gives every statement a name, so that Postgres parses and plans it once for each connection. The query
 * builder does so only for statements that are prepared by hand, which ours, put together from filters, cannot be.
 */
function prepareStatements(connection: PoolClient) {
  const names = new Map<string, string>()
  const query = connection.query.bind(connection) as (config: unknown, ...rest: unknown[]) => unknown
  const named = (config: unknown, ...rest: unknown[]) => {
    const { text, name } = (typeof config === 'object' && config ? config : {}) as { text?: string; name?: string }
    if (!text || name || (!names.has(text) && names.size >= maxPrepared)) return query(config, ...rest)
    const known = names.get(text) ?? `s${names.size}`
    names.set(text, known)
    return query({ ...(config as object), name: known }, ...rest)
  }
  connection.query = named as typeof connection.query
}
