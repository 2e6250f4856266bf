import postgres from 'postgres'
import { inject, onTestFinished } from 'vitest'
import { databaseUrl } from '../support/postgres.ts'

/** A database without tables. */
export async function createEmptyDatabase() {
  const name = `empty_${crypto.randomUUID().replaceAll('-', '')}`
  const admin = postgres(inject('postgresUrl'), { max: 1, onnotice: () => {} })
  await admin`create database ${admin(name)}`
  const url = databaseUrl(inject('postgresUrl'), name)
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  onTestFinished(async () => {
    await sql.end()
    await admin`drop database if exists ${admin(name)} with (force)`
    await admin.end()
  })
  return { url, sql }
}

export const listOurTables = async (sql: postgres.Sql): Promise<string[]> =>
  (await sql`select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1`).map(({ relname }) => relname)
