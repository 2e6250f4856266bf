import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { migrate } from 'drizzle-orm/postgres-js/migrator'
import type { Log } from '../log.ts'
import { buildOn } from './client.ts'
import { refreshNameOrder } from './collation.ts'
import { type Connection, openConnection } from './connection.ts'
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
export async function migrateTables(url: string, log: Log, more: (connection: Connection) => Promise<void> = async () => {}): Promise<void> {
  let connection: Connection | undefined
  try {
    connection = await openUnbounded(url)
    await checkServer(connection, url)
    await waitForLock(connection, log)
    await migrate(buildOn(connection), { migrationsFolder: resolve(import.meta.dirname, '../../drizzle') })
    await refreshNameOrder(connection)
    await more(connection)
  } catch (error) {
    throw explainDatabaseProblem(error, url)
  } finally {
    // The lock ends with the connection.
    await connection?.close(0)
  }
}

const unbounded = 'set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0; set idle_session_timeout = 0'

const openUnbounded = (url: string) => openConnection(url, { name: 'custom-speech-migration', session: unbounded, answerMs: 0 })

async function checkServer(connection: Connection, url: string) {
  const [server] = await connection.send(
    "select current_setting('server_version_num')::int as version, pg_is_in_recovery() as standby, pg_backend_pid() as pid",
  )
  const { version, standby, pid } = server as unknown as { version: number; standby: boolean; pid: number }
  if (version < oldestVersion * 10_000)
    throw new DatabaseError(
      `The database is Postgres ${Math.floor(version / 10_000)}; version ${oldestVersion} or newer is needed. Upgrade the server, or let DATABASE_URL name another one.`,
    )
  if (standby) throw new DatabaseError('The database is read-only, as a standby server is. Let DATABASE_URL name the primary server.')
  // Two open connections have a server process each, unless a pooler lends one to whoever has a statement.
  const other = await openUnbounded(url)
  try {
    const [answer] = await other.send('select pg_backend_pid() as pid')
    if (answer?.['pid'] === pid)
      throw new DatabaseError(
        'DATABASE_URL leads to a pooler in transaction mode, where notices get lost. Use pool_mode = session, or connect to Postgres directly.',
      )
  } finally {
    await other.close(0)
  }
}

async function waitForLock(connection: Connection, log: Log) {
  const asked = performance.now()
  let nextNotice = firstNoticeMs
  // Asked for again and again: a statement that waits for the lock would keep CREATE INDEX CONCURRENTLY waiting.
  while (!(await connection.send('select pg_try_advisory_lock($1) as taken', [migrationLock]))[0]?.['taken']) {
    const waited = performance.now() - asked
    if (waited > nextNotice) {
      nextNotice = waited + noticeMs
      log.warn({ seconds: Math.round(waited / 1000) }, 'waiting for another process that migrates the database')
    }
    await delay(retryMs)
  }
}
