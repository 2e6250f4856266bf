// Restores a backup into a database without an installation: all or nothing, in one transaction.
import { allJobs } from '../lifecycle/job-definitions.ts'
import type { Log } from '../log.ts'
import { buildOn } from '../postgres/client.ts'
import type { Connection } from '../postgres/connection.ts'
import { forgetInstallation } from '../postgres/installation.ts'
import { type MigrationReport, withMigrationLock } from '../postgres/migration.ts'
import { migrateQueue, openQueue } from '../postgres/queue.ts'
import { applyMigrationsWithin, findAppliedMigrations, readMigrations } from '../postgres/schema-version.ts'
import { copyIn } from './copy.ts'
import type { Manifest, Sums } from './manifest.ts'
import { BackupError } from './problem.ts'
import { type CheckedBackup, checkBackup, readBackup } from './read-backup.ts'
import { resumeJobs } from './resume-jobs.ts'
import { columnsOf, listTables, setSequence, whileLoading } from './tables.ts'

/** Connections for the queue, which only gets jobs here. */
const queueConnections = 2

export async function restoreBackup(
  url: string,
  file: string,
  log: Log,
  report: Pick<MigrationReport, 'waiting'>,
  checked?: CheckedBackup,
): Promise<CheckedBackup> {
  // A damaged file changes nothing.
  const { manifest, sums } = checked ?? (await checkBackup(file))
  await withMigrationLock(url, report, async (connection) => {
    await refuseUsed(connection)
    await migrateQueue(connection)
    const queue = await openQueue(url, allJobs, log, queueConnections)
    try {
      await connection.send("set datestyle = 'ISO, YMD'; set timezone = 'UTC'; set client_encoding = 'UTF8'")
      await buildOn(connection).transaction(async (tx) => {
        const migrations = readMigrations()
        await applyMigrationsWithin(
          tx,
          migrations.filter(({ name }) => manifest.migrations.includes(name)),
        )
        await whileLoading(connection, () => load(connection, file, manifest, sums))
        await applyMigrationsWithin(tx, migrations)
        await forgetInstallation(tx)
        await resumeJobs(tx, queue, manifest.createdAt)
      })
      await connection.send('analyze').catch((error) => {
        log.warn({ reason: error }, 'the restored tables were not analyzed; run "analyze", or queries are slow until Postgres does it')
      })
    } finally {
      await queue.close()
    }
  })
  return { manifest, sums }
}

async function refuseUsed(connection: Connection) {
  const isUsed = (await findAppliedMigrations(connection)).length > 0 || (await listTables(connection)).length > 0
  if (isUsed)
    throw new BackupError(
      'The database is not empty, and a restore replaces nothing. Set DATABASE_URL to an empty database, or DATA_DIR to a directory that does not exist.',
    )
}

async function load(connection: Connection, file: string, manifest: Manifest, sums: Sums) {
  const read = await readBackup(file, async (_, tables) => {
    for await (const { table, parts } of tables) {
      const rows = await copyIn(connection, `copy ${columnsOf(table)} from stdin`, parts)
      if (rows !== sums.tables[table.name]?.rows) throw new BackupError(`The table ${table.name} has ${rows} rows instead of ${sums.tables[table.name]?.rows}.`)
    }
  })
  if (read.manifest !== sums.manifest) throw new BackupError(`${file} changed while it was read. Try again.`)
  for (const sequence of manifest.sequences) await setSequence(connection, sequence)
}
