// A backup that cannot be used is refused in words, and changes nothing.
import { execFile } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
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
