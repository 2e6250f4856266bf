// A backup that cannot be used is refused in words, and changes nothing.
import { execFile } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { writeEntry } from '../../src/backup/archive.ts'
import { streamBackup, writeBackup } from '../../src/backup/backup.ts'
import { BackupError } from '../../src/backup/problem.ts'
import { checkBackup } from '../../src/backup/read-backup.ts'
import { restoreBackup } from '../../src/backup/restore.ts'
import { openLog } from '../../src/log.ts'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { launch } from '../support/program.ts'
import { createEmptyDatabase, listOurTables } from './empty-database.ts'

const log = openLog('silent')
const report = { waiting: () => {} }
let dir: string
let good: string
let used: Awaited<ReturnType<typeof cloneDatabase>>

beforeAll(async () => {
  dir = await makeDirectory()
  good = join(dir, 'good.backup')
  used = await cloneDatabase(inject('postgresUrl'))
  await writeBackup(used.url, good, report)
})

afterAll(async () => {
  await used.drop()
  await rm(dir, { recursive: true, force: true })
})

/** The good backup with its bytes changed. */
async function spoil(change: (bytes: Buffer) => Buffer): Promise<string> {
  const file = join(dir, `${crypto.randomUUID()}.backup`)
  await writeFile(file, change(await readFile(good)))
  return file
}

const changed = (bytes: Buffer, from: string, to: string) => {
  const at = bytes.indexOf(from)
  if (at < 0 || from.length !== to.length) throw new Error(`"${from}" cannot be replaced`)
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(to), bytes.subarray(at + from.length)])
}
const unpacked = (change: (bytes: Buffer) => Buffer) => (bytes: Buffer) => gzipSync(change(gunzipSync(bytes)))

const spoiled: [string, (bytes: Buffer) => Buffer, RegExp][] = [
  ['is cut off', (bytes) => bytes.subarray(0, bytes.length / 2), /not a complete backup: it ends too early/],
  ['is cut off between two entries', unpacked((bytes) => bytes.subarray(0, bytes.indexOf('sums.json'))), /not a complete backup: it ends too early/],
  ['is not compressed', () => Buffer.from('some text'), /not a complete backup: its compression is damaged/],
  ['has a wrong byte', (bytes) => Buffer.from(bytes.map((byte, at) => (at === Math.floor(bytes.length / 2) ? byte ^ 1 : byte))), /not a complete backup/],
  ['has another manifest', unpacked((bytes) => changed(bytes, '"createdAt": "2', '"createdAt": "3')), /its checksums do not fit the manifest/],
  ['has a wrong checksum', unpacked((bytes) => changed(bytes, '"bytes": 0', '"bytes": 1')), /has a wrong checksum/],
  ['has no manifest', () => gzipSync(Buffer.concat([...writeEntry({ name: 'other.json', body: Buffer.from('{}') }, new Date())])), /it has no manifest/],
  ['is from a newer format', unpacked((bytes) => changed(bytes, '"format": 1', '"format": 9')), /newer than this version.*Restore it with version/],
  ['has a newer migration', unpacked((bytes) => changed(bytes, '_counters', '_unknowns')), /newer than this version.*Restore it with version/],
]

test.each(spoiled)('a file that %s is refused, and the database stays empty', async (_, change, words) => {
  const file = await spoil(change)
  const { url, sql } = await createEmptyDatabase()
  const refused = restoreBackup(url, file, log, report)
  await expect(refused).rejects.toThrow(words)
  await expect(refused).rejects.toBeInstanceOf(BackupError)
  expect(await listOurTables(sql)).toEqual([])
  expect(await sql`select nspname from pg_namespace where nspname in ('drizzle', 'pgboss')`).toHaveLength(0)
})

test('rows that the database refuses roll the whole restore back, also when the error comes after the last row', async () => {
  // The checksums are right, but a table has a row twice.
  const other = await cloneDatabase(inject('postgresUrl'))
  const source = postgres(other.url, { max: 1 })
  await source`alter table settings drop constraint settings_pkey`
  await source`insert into settings values ('sample', 'one'), ('sample', 'two')`
  const file = join(dir, 'twice.backup')
  await writeBackup(other.url, file, report)
  await source.end()
  await other.drop()
  await checkBackup(file)
  const { url, sql } = await createEmptyDatabase()
  await expect(restoreBackup(url, file, log, report)).rejects.toThrow(/duplicate key/)
  expect(await listOurTables(sql)).toEqual([])
  // The failed restore is not in the way of the next.
  await restoreBackup(url, good, log, report)
  expect(await listOurTables(sql)).toContain('deployments')
})

test('a restore into a database with an installation is refused', async () => {
  await expect(restoreBackup(used.url, good, log, report)).rejects.toThrow(/The database is not empty.*DATABASE_URL/)
})

test('a database without an installation is not backed up, and no file is left', async () => {
  const { url } = await createEmptyDatabase()
  const file = join(dir, 'none.backup')
  await expect(writeBackup(url, file, report)).rejects.toThrow('no installation of custom-speech')
  expect((await readdir(dir)).filter((name) => name.startsWith('none'))).toEqual([])
})

test('what a killed backup left is removed by a later one, and not what a running one writes', async () => {
  const file = join(dir, 'again.backup')
  const [left, running] = [`${file}.1.partial`, `${file}.2.partial`]
  for (const partial of [left, running]) await writeFile(partial, '')
  const old = Date.now() / 1000 - 2 * 3600
  await utimes(left, old, old)
  await writeBackup(used.url, file, report)
  expect((await readdir(dir)).filter((name) => name.startsWith('again'))).toEqual(['again.backup', 'again.backup.2.partial'])
})

test('the counts of running processes are not in a backup', async () => {
  const { manifest } = await checkBackup(good)
  const names = manifest.tables.map(({ name }) => name)
  expect(names).toContain('settings')
  expect(names).not.toContain('process_counts')
})

test('a backup counts the files that it does not have', async () => {
  const other = await cloneDatabase(inject('postgresUrl'))
  const source = postgres(other.url, { max: 1 })
  const [{ id } = { id: '' }] = await source`insert into workspaces (name) values ('One') returning id`
  for (const name of ['a', 'b', 'c'])
    await source`insert into uploads (workspace_id, kind, sha256, size, expires_at) values (${id}, 'TEXT', ${name.repeat(64)}, 1, now())`
  await source`insert into stored_files (sha256, size, copy_id, chunks) values (${'b'.repeat(64)}, 1, uuidv7(), null), (${'c'.repeat(64)}, 1, uuidv7(), 1)`
  const file = join(dir, 'files.backup')
  const { code, err } = await launch({ DATABASE_URL: other.url }, ['backup', file]).ended
  await source.end()
  await other.drop()
  expect(code).toBe(0)
  expect(err).toMatch(/Warning: 1 file of uploads and models is not in the database, and so not in the backup\. Start the server on each machine/)
  expect(err).toContain('1 file is in ARTIFACT_STORE and not in the backup.')
})

test('a restore after which the tables cannot be analyzed is complete, with a warning', async () => {
  const { url, sql } = await createEmptyDatabase()
  // An index whose expression fails later, in another schema.
  await sql.unsafe(`create schema other; create table other.sample (value int);
    create function other.same(value int) returns int immutable language plpgsql as 'begin return value; end';
    create index on other.sample (other.same(value)); insert into other.sample values (1);
    create or replace function other.same(value int) returns int immutable language plpgsql as 'begin raise exception ''no''; end'`)
  const said: string[] = []
  await restoreBackup(
    url,
    good,
    { ...log, warn: (_: object, message: string) => said.push(message), error: () => {}, info: () => {}, debug: () => {} } as never,
    report,
  )
  expect(said).toEqual([expect.stringContaining('were not analyzed')])
  expect(await listOurTables(sql)).toContain('deployments')
})

test('an existing file is replaced only on request, and a directory that is missing is named', async () => {
  await expect(writeBackup(used.url, good, report)).rejects.toThrow(/exists.*--force/)
  await writeBackup(used.url, good, report, { isReplacing: true })
  await expect(writeBackup(used.url, join(dir, 'no/where.backup'), report)).rejects.toThrow(/cannot be written .*ENOENT/)
})

test.skipIf(process.platform !== 'linux')('a full disk ends the backup', async () => {
  await expect(streamBackup(used.url, createWriteStream('/dev/full'), report)).rejects.toMatchObject({ code: 'ENOSPC' })
})

test('a backup is a tar archive that other programs list', async () => {
  const { stdout } = await promisify(execFile)('tar', ['-tzf', good])
  expect(stdout.split('\n')).toEqual(expect.arrayContaining(['manifest.json', 'sums.json']))
})

test.each([
  ['verify', {}, /The backup is not usable\. .*cannot be read \(ENOENT\)/],
  ['backup', {}, /The backup was not made\. .*has no database/],
  ['restore', {}, /Nothing was restored\. .*cannot be read \(ENOENT\)/],
])('%s explains a file or database that does not exist, and makes no data directory', async (command, settings, words) => {
  const parent = join(dir, command)
  await mkdir(parent)
  const { code, out, err } = await launch({ DATA_DIR: join(parent, 'data'), ...settings }, [command, join(parent, 'missing.backup')]).ended
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(words)
  expect(await readdir(parent)).toEqual([])
})
