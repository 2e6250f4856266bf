import { resolve } from 'node:path'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'

export type Db = ReturnType<typeof drizzle>
/** A transaction; every statement that belongs together takes one. */
export type Tx = Parameters<Parameters<Db['transaction']>[0]>[0]

/** The database cannot be reached or used; the message says what to check. */
export class DatabaseError extends Error {}

export interface Client {
  db: Db
  sql: postgres.Sql
  close(): Promise<void>
}

/** Opens a bounded pool of connections; statements that take longer than 15 s are ended by Postgres. */
export function openClient(url: string, connections = 6): Client {
  const sql = postgres(url, {
    max: connections,
    idle_timeout: 60,
    connect_timeout: 5,
    connection: { application_name: 'custom-speech', statement_timeout: 15_000 },
    onnotice: () => {},
  })
  return { sql, db: drizzle({ client: sql }), close: () => sql.end({ timeout: 5 }) }
}

/** Brings the tables up to date; several processes may do so at once. */
export async function migrateTables({ db, sql }: Client): Promise<void> {
  const found = await sql`select current_setting('server_version_num')::int as version`.catch((error) => {
    throw new DatabaseError(`Cannot reach the database (${error.code ?? error.message}). Check DATABASE_URL and that Postgres is running.`)
  })
  if (found[0]?.version < 180_000) throw new DatabaseError(`The database is Postgres ${Math.floor(found[0]?.version / 10_000)}; version 18 or newer is needed.`)
  const lock = await sql.reserve()
  try {
    await lock`select pg_advisory_lock(7301)`
    await migrate(db, { migrationsFolder: resolve(import.meta.dirname, '../../drizzle') })
  } finally {
    await lock`select pg_advisory_unlock(7301)`
    lock.release()
  }
}
