// Versions: the command that migrates, databases that are newer or older than the program, and where the version is shown.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import postgres from 'postgres'
import { expect, inject, onTestFinished, test } from 'vitest'
import { allJobs } from '../../src/lifecycle/job-definitions.ts'
import { openLog } from '../../src/log.ts'
import { openEmbeddedPostgres } from '../../src/postgres/embedded/server.ts'
import { DatabaseError, EmbeddedPostgresError } from '../../src/postgres/problem.ts'
import { openStore } from '../../src/postgres/store.ts'
import { createEmptyDatabase } from '../backup/empty-database.ts'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { launch } from '../support/program.ts'
import { startTestService } from '../support/service.ts'
import { until } from '../support/until.ts'

const log = openLog('silent')

async function openMigrated() {
  const database = await cloneDatabase(inject('postgresUrl'))
  const sql = postgres(database.url, { max: 1 })
  onTestFinished(async () => {
    await sql.end()
    await database.drop()
  })
  return { url: database.url, sql, open: () => openStore({ databaseUrl: database.url, dataDir: '' }, allJobs, log) }
}

test('"migrate" waits for another migration and for a backup, names each migration, and has nothing to do the second time', async () => {
  const { url, sql } = await createEmptyDatabase()
  await sql`select pg_advisory_lock(7301), pg_advisory_lock_shared(7304)`
  const settings = { DATABASE_URL: url, DATA_DIR: await makeDirectory() }
  const first = launch(settings, 'migrate')
  await until(() => first.said.out.includes('Another process migrates the database. Waiting ('))
  expect(first.said.out).not.toContain('Applying')
  await sql`select pg_advisory_unlock(7301)`
  await until(() => first.said.out.includes('Another process backs up the database. Waiting ('))
  expect(first.said.out).not.toContain('Applying')
  await sql`select pg_advisory_unlock_shared(7304)`
  const { code, out, err } = await first.ended
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const applied = await sql`select name from drizzle.__drizzle_migrations order by id`
  expect([...out.matchAll(/^Applying (.+)$/gm)].map(([, name]) => name)).toEqual(applied.map(({ name }) => name))
  expect(out).toMatch(/The database is ready for custom-speech \d+\.\d+\.\d+\.\n$/)
  const second = await launch(settings, 'migrate').ended
  expect(second).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^The database is ready/) })
})

test('a start refuses a database that only a newer version can use', async () => {
  const { sql, open } = await openMigrated()
  await sql`insert into settings values ('minimum_version', '99.1.0')`
  await expect(open()).rejects.toThrow(/needs custom-speech 99\.1\.0 or newer.*this is version \d+\.\d+\.\d+\. Install/)
  await expect(open()).rejects.toBeInstanceOf(DatabaseError)
  await sql`update settings set value = '0.0.9' where name = 'minimum_version'`
  await (await open()).close()
})

test('a start accepts a database that a newer version has only added to', async () => {
  const { sql, open } = await openMigrated()
  await sql`insert into drizzle.__drizzle_migrations (hash, created_at, name) values ('', 0, '29990101000000_later')`
  await sql`alter table settings add column later text`
  await (await open()).close()
})

test('/health and --version show the version of package.json', async () => {
  const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'))
  const api = await startTestService({ ROLES: 'api' })
  expect(await (await fetch(`${api.localUrl}/health`)).json()).toEqual({ status: 'alive', version })
  expect((await launch({}, '--version').ended).out).toBe(`${version}\n`)
})

test('embedded data of another major version of Postgres is refused with the way out, and stays untouched', async () => {
  const dir = join(await makeDirectory(), 'postgres')
  await mkdir(join(dir, 'data'), { recursive: true })
  await writeFile(join(dir, 'data/PG_VERSION'), '17\n')
  const opening = openEmbeddedPostgres(dir, log)
  await expect(opening).rejects.toThrow(
    /is of Postgres 17, but .* has Postgres 18\. Run "custom-speech backup FILE" with the version .*"custom-speech restore FILE"/,
  )
  await expect(opening).rejects.toBeInstanceOf(EmbeddedPostgresError)
  expect(await readFile(join(dir, 'data/PG_VERSION'), 'utf8')).toBe('17\n')
})
