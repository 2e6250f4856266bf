import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import { Client } from 'pg'
import type { Log } from '../log.ts'
import { refreshNameOrder } from './collation.ts'
import { DatabaseError, explainDatabaseProblem } from './problem.ts'

/** The lock that a process holds while it migrates. */
const migrationLock = 7301
const oldestVersion = 18
const retryMs = 250
/** A migrator that others wait for is told after a moment, then every so often. */
const firstNoticeMs = 2_000
const noticeMs = 30_000

/**
 * Brings the tables up to date; several processes may do so at once, one after the other. Nothing here has a
 * time limit once the connection stands: an index on a large table takes as long as it takes.
 */
export async function migrateTables(url: string, log: Log, more: (connection: Client) => Promise<void> = async () => {}): Promise<void> {
  const connection = openConnection(url)
  try {
    await connection.connect()
    await checkServer(connection, url)
    await waitForLock(connection, log)
    await migrate(drizzle({ client: connection }), { migrationsFolder: resolve(import.meta.dirname, '../../drizzle') })
    await refreshNameOrder(connection)
    await more(connection)
  } catch (error) {
    throw explainDatabaseProblem(error, url)
  } finally {
    // The lock ends with the connection.
    await connection.end().catch(() => {})
  }
}

function openConnection(url: string): Client {
  const connection = new Client({ connectionString: url, application_name: 'custom-speech-migration', connectionTimeoutMillis: 5_000, keepAlive: true })
  connection.on('error', () => {})
  return connection
}

async function checkServer(connection: Client, url: string) {
  await connection.query('set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0; set idle_session_timeout = 0')
  const { rows } = await connection.query(
    "select current_setting('server_version_num')::int as version, pg_is_in_recovery() as standby, pg_backend_pid() as pid",
  )
  const [{ version, standby, pid }] = rows
  if (version < oldestVersion * 10_000)
    throw new DatabaseError(
      `The database is Postgres ${Math.floor(version / 10_000)}; version ${oldestVersion} or newer is needed. Upgrade the server, or let DATABASE_URL name another one.`,
    )
  if (standby) throw new DatabaseError('The database is read-only, as a standby server is. Let DATABASE_URL name the primary server.')
  // Two open connections have a server process each, unless a pooler lends one to whoever has a statement.
  const other = openConnection(url)
  try {
    await other.connect()
    const answer = await other.query('select pg_backend_pid() as pid')
    if (answer.rows[0].pid === pid)
      throw new DatabaseError(
        'DATABASE_URL leads to a pooler in transaction mode, where notices get lost. Use pool_mode = session, or connect to Postgres directly.',
      )
  } finally {
    await other.end().catch(() => {})
  }
}

async function waitForLock(connection: Client, log: Log) {
  const asked = performance.now()
  let nextNotice = firstNoticeMs
  // Asked for again and again: a statement that waits for the lock would keep CREATE INDEX CONCURRENTLY waiting.
  while (!(await connection.query('select pg_try_advisory_lock($1) as taken', [migrationLock])).rows[0].taken) {
    const waited = performance.now() - asked
    if (waited > nextNotice) {
      nextNotice = waited + noticeMs
      log.warn({ seconds: Math.round(waited / 1000) }, 'waiting for another process that migrates the database')
    }
    await delay(retryMs)
  }
}
