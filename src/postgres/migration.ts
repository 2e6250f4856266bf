import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../log.ts'
import { buildOn } from './client.ts'
import { refreshNameOrder } from './collation.ts'
import { type Connection, openConnection } from './connection.ts'
import { DatabaseError, explainDatabaseProblem } from './problem.ts'
import { applyMigrations, checkMinimumVersion, findAppliedMigrations, readMigrations } from './schema-version.ts'

/** The lock that a process holds while it migrates. */
const migrationLock = 7301
/** The lock that backups share. A migration that waited for their tables would block all other statements on them. */
const backupLock = 7304
const minVersion = 18
const retryMs = 250
/** The delay of the first log line about a wait for the lock, and the interval of the next ones. */
const firstNoticeMs = 2_000
const noticeMs = 30_000

/** The steps of a migration, for a command that prints them. */
export interface MigrationReport {
  /** Another process has worked for this number of seconds. Called again from time to time. */
  waiting(seconds: number, other: 'migrates' | 'backs up'): void
  /** The migrations that will be applied, in this order. */
  applying(names: string[]): void
}

const toLog = (log: Log): MigrationReport => ({
  waiting: (seconds, other) => log.warn({ seconds }, `another process ${other} the database; waiting`),
  applying: (migrations) => log.info({ migrations }, 'migrating the database'),
})

/**
 * Migrates the tables. Several processes can call this at once and migrate one after the other. Statements have no time
 * limit, since an index on a large table can take long.
 */
export async function migrateTables(
  url: string,
  log: Log,
  more: (connection: Connection) => Promise<void> = async () => {},
  report: MigrationReport = toLog(log),
): Promise<void> {
  await withMigrationLock(url, report, async (connection) => {
    await checkMinimumVersion(connection)
    const [migrations, applied] = [readMigrations(), await findAppliedMigrations(connection)]
    const own = migrations.map(({ name }) => name)
    const unknown = applied.filter((name) => !own.includes(name))
    if (unknown.length) log.warn({ migrations: unknown }, 'a newer version has migrated the database; its migrations only added to it')
    const pending = own.filter((name) => !applied.includes(name))
    if (pending.length) {
      await waitForLock(connection, { lock: backupLock, other: 'backs up' }, report)
      report.applying(pending)
    }
    await applyMigrations(buildOn(connection), migrations)
    await refreshNameOrder(connection)
    await more(connection)
  })
}

/** Runs with a connection without time limits that holds the lock of migrations. Errors are in words. */
export async function withMigrationLock<T>(url: string, report: Pick<MigrationReport, 'waiting'>, run: (connection: Connection) => Promise<T>): Promise<T> {
  let connection: Connection | undefined
  try {
    connection = await openUnbounded(url)
    await checkServer(connection, url)
    await waitForLock(connection, { lock: migrationLock, other: 'migrates' }, report)
    return await run(connection)
  } catch (error) {
    throw explainDatabaseProblem(error, url)
  } finally {
    // The lock ends with the connection.
    await connection?.close(0)
  }
}

const unbounded = 'set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0; set idle_session_timeout = 0'

/** A connection without time limits. */
export const openUnbounded = (url: string) => openConnection(url, { name: 'custom-speech-migration', session: unbounded, answerMs: 0 })

async function checkServer(connection: Connection, url: string) {
  const [server] = await connection.send(
    "select current_setting('server_version_num')::int as version, pg_is_in_recovery() as standby, pg_backend_pid() as pid",
  )
  const { version, standby, pid } = server as unknown as { version: number; standby: boolean; pid: number }
  if (version < minVersion * 10_000)
    throw new DatabaseError(
      `The database is Postgres ${Math.floor(version / 10_000)}, but version ${minVersion} or newer is required. Upgrade the server, or set DATABASE_URL to another one.`,
    )
  if (standby) throw new DatabaseError('The database is read-only, as a standby server is. Set DATABASE_URL to the primary server.')
  // Two open connections have different server processes, unless a pooler shares one between them.
  const other = await openUnbounded(url)
  try {
    const [answer] = await other.send('select pg_backend_pid() as pid')
    if (answer?.['pid'] === pid)
      throw new DatabaseError(
        'DATABASE_URL leads to a pooler in transaction mode, which loses notifications. Use pool_mode = session, or connect to Postgres directly.',
      )
  } finally {
    await other.close(0)
  }
}

/** Waits for pending migrations to end, and keeps others from beginning while the connection is open. */
export const keepSchema = (connection: Connection, report: Pick<MigrationReport, 'waiting'>): Promise<void> =>
  waitForLock(connection, { lock: backupLock, other: 'migrates', isShared: true }, report)

interface LockWait {
  lock: number
  /** The work of the process that has the lock. */
  other: 'migrates' | 'backs up'
  isShared?: boolean
}

async function waitForLock(connection: Connection, { lock, other, isShared = false }: LockWait, { waiting }: Pick<MigrationReport, 'waiting'>) {
  const ask = `select pg_try_advisory_lock${isShared ? '_shared' : ''}($1) as taken`
  const asked = performance.now()
  let nextNotice = firstNoticeMs
  // The lock is polled: a statement that waits for the lock would block CREATE INDEX CONCURRENTLY.
  while (!(await connection.send(ask, [lock]))[0]?.['taken']) {
    const waited = performance.now() - asked
    if (waited > nextNotice) {
      nextNotice = waited + noticeMs
      waiting(Math.round(waited / 1000), other)
    }
    await delay(retryMs)
  }
}
