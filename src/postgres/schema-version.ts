// Which migrations a database has, and which version of the program it needs at least.
import { resolve } from 'node:path'
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator'
import { migrate } from 'drizzle-orm/pg-core/async/session'
import { version } from '../version.ts'
import type { Db, Tx } from './client.ts'
import type { Connection } from './connection.ts'
import { DatabaseError } from './problem.ts'

const migrationsFolder = resolve(import.meta.dirname, '../../drizzle')

/** The migrations of this program, the oldest first. */
export const readMigrations = (): MigrationMeta[] => readMigrationFiles({ migrationsFolder })

/** Applies those of the migrations that the database does not have, in one transaction. */
export const applyMigrations = (db: Db, migrations: MigrationMeta[]): Promise<unknown> => migrate(migrations, db, { migrationsFolder })

/**
 * The same as a part of a transaction. There is no savepoint: behind one, Postgres refuses rows with a value that a
 * migration added to an enum, even if the transaction created the enum.
 */
export function applyMigrationsWithin(tx: Tx, migrations: MigrationMeta[]): Promise<unknown> {
  const withoutSavepoint = Object.create(tx, { transaction: { value: (run: (tx: Tx) => Promise<unknown>) => run(tx) } })
  return applyMigrations(withoutSavepoint, migrations)
}

/** The names of the migrations that the database has, the oldest first; none in an empty database. */
export async function findAppliedMigrations(connection: Connection): Promise<string[]> {
  const [found] = await connection.send("select to_regclass('drizzle.__drizzle_migrations') is not null as exists")
  if (!found?.['exists']) return []
  return (await connection.send('select name from drizzle.__drizzle_migrations order by id')).map((row) => row['name'])
}

/**
 * Refuses a database that only newer versions can use. A migration that removes or renames something writes the lowest
 * version that can still run into the row `minimum_version` of `settings`. Migrations that only add leave the row alone.
 */
export async function checkMinimumVersion(connection: Connection, own = version): Promise<void> {
  const [found] = await connection.send("select to_regclass('settings') is not null as exists")
  if (!found?.['exists']) return
  const [row] = await connection.send("select value from settings where name = 'minimum_version'")
  const minimum: string | undefined = row?.['value']
  if (minimum && isOlder(own, minimum))
    throw new DatabaseError(
      `The database needs custom-speech ${minimum} or newer, because a newer version has migrated it; this is version ${own}. Install version ${minimum} or newer, or restore a backup that version ${own} made.`,
    )
}

const isOlder = (one: string, other: string) => {
  const [a, b] = [toNumbers(one), toNumbers(other)]
  const at = a.findIndex((part, index) => part !== b[index])
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0)
}

/** Major, minor and patch. */
const toNumbers = (text: string): number[] => {
  const [major = 0, minor = 0, patch = 0] = text.split('-')[0]?.split('.').map(Number) ?? []
  return [major, minor, patch]
}
