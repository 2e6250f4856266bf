import postgres from 'postgres'
import { inject, onTestFinished } from 'vitest'
import { databaseUrl } from '../support/postgres.ts'

/** A database without tables, and its URL for an owner who is not a superuser. */
export async function createEmptyDatabase() {
  const name = `empty_${crypto.randomUUID().replaceAll('-', '')}`
  const admin = postgres(inject('postgresUrl'), { max: 1, onnotice: () => {} })
  await admin.unsafe(`create role ${name} login password '${name}'; `)
  await admin.unsafe(`create database ${name} owner ${name}`)
  const url = new URL(databaseUrl(inject('postgresUrl'), name))
  Object.assign(url, { username: name, password: name })
  const sql = postgres(url.href, { max: 1, onnotice: () => {} })
  onTestFinished(async () => {
    await sql.end()
    await admin.unsafe(`drop database if exists ${name} with (force)`)
    await admin.unsafe(`drop role ${name}`)
    await admin.end()
  })
  return { url: url.href, sql }
}

export const listOurTables = async (sql: postgres.Sql): Promise<string[]> =>
  (await sql`select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1`).map(({ relname }) => relname)
