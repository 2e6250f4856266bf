// What a start says when the database cannot be used: each reason in its own words, with what to do next.
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allJobs } from '../../src/lifecycle/job-definitions.ts'
import { openLog } from '../../src/log.ts'
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/postgres/embedded/server.ts'
import { DatabaseError } from '../../src/postgres/problem.ts'
import { openStore } from '../../src/postgres/store.ts'
import { makeDirectory } from '../support/postgres.ts'

const log = openLog('silent')
let dir: string
let server: EmbeddedPostgres
let sql: postgres.Sql

beforeAll(async () => {
  dir = await makeDirectory()
  server = await openEmbeddedPostgres(join(dir, 'postgres'), log, ['fsync=off'])
  sql = postgres(server.url, { max: 1, onnotice: () => {} })
  await sql.unsafe(`
    create role guest login password 'guest-word';
    create role crowd login password 'crowd-word' connection limit 0;
    create role reader login password 'reader-word' superuser;
    alter role reader set default_transaction_read_only = on;
    create role plain login password 'plain-word'`)
  // Refused unless encrypted, as many hosted servers do it.
  const rules = join(dir, 'postgres/data/pg_hba.conf')
  await writeFile(rules, `hostnossl all plain all reject\n${await readFile(rules, 'utf8')}`)
  await sql`select pg_reload_conf()`
})

afterAll(async () => {
  await sql.end()
  await server.close()
  await rm(dir, { recursive: true, force: true })
})

const change = (changes: { user?: string; password?: string; database?: string; host?: string; port?: string; search?: string }) => {
  const url = new URL(server.url)
  if (changes.user) Object.assign(url, { username: changes.user, password: `${changes.user}-word` })
  if (changes.password) url.password = changes.password
  if (changes.database) url.pathname = changes.database
  if (changes.host) url.hostname = changes.host
  if (changes.port) url.port = changes.port
  if (changes.search) url.search = changes.search
  return url.href
}

test.each([
  ['the password is wrong', { password: 'wrong' }, /refuses the password of the user "postgres"\. Correct .*DATABASE_URL/],
  ['the database does not exist', { database: 'missing' }, /The database "missing" does not exist .*CREATE DATABASE/],
  ['the host is unknown', { host: 'postgres.invalid' }, /host postgres\.invalid is unknown .*DATABASE_URL/],
  ['nothing listens', { port: '9' }, /Cannot reach the database: nothing listens at 127\.0\.0\.1:9\..*DATABASE_URL/],
  ['the server has no TLS', { search: 'sslmode=verify-full' }, /does not support TLS.*sslmode/],
  ['the server wants TLS', { user: 'plain' }, /accepts encrypted connections only\. Add sslmode=verify-full/],
  ['the user has too many connections', { user: 'crowd' }, /too many connections.*max_connections/],
  ['the user may not create schemas', { user: 'guest' }, /user "guest" has no permission to create .*GRANT CREATE ON DATABASE "postgres" TO "guest"/],
  ['the database is read-only', { user: 'reader' }, /read-only.*primary/],
] as const)('%s', async (_, changes, words) => {
  const opening = openStore({ databaseUrl: change(changes), dataDir: dir }, allJobs, log)
  await expect(opening).rejects.toThrow(words)
  await expect(opening).rejects.toBeInstanceOf(DatabaseError)
  await expect(opening).rejects.not.toThrow(/-word|CREATE SCHEMA IF|Failed query/)
})

test('the server starts with a database owner that is not a superuser', async () => {
  await sql.unsafe(`create role owner login password 'owner-word'`)
  await sql.unsafe('create database owned owner owner')
  await (await openStore({ databaseUrl: change({ user: 'owner', database: 'owned' }), dataDir: dir }, allJobs, log)).close()
})
