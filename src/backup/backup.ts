// A backup is a gzipped tar archive: manifest.json, then the rows of each table as COPY writes them, in parts of four
// megabytes, then sums.json with the number of rows, the size and the SHA-256 of each table. The queue is not in it: its
// jobs follow from the rows.
import { createHash, randomUUID } from 'node:crypto'
import { createWriteStream, existsSync, rmSync } from 'node:fs'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { PassThrough, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Connection } from '../postgres/connection.ts'
import { keepSchema, type MigrationReport, openUnbounded } from '../postgres/migration.ts'
import { explainDatabaseProblem } from '../postgres/problem.ts'
import { findAppliedMigrations } from '../postgres/schema-version.ts'
import { version } from '../version.ts'
import { archiveEnd, type Entry, writeEntry } from './archive.ts'
import { copyOut } from './copy.ts'
import { countFiles, type FileFigures } from './file-figures.ts'
import { format, type Manifest, manifestName, partBytes, partName, type Sums, sumsName } from './manifest.ts'
import { BackupError } from './problem.ts'
import { beginReading, columnsOf, listKeptTables, listSequences } from './tables.ts'

export interface BackupSummary {
  tables: number
  rows: number
  /** Of the rows, uncompressed. */
  bytes: number
  files: FileFigures
}

/** A backup waits while another process migrates. */
type BackupReport = Pick<MigrationReport, 'waiting'>

/** COPY writes bytes as hexadecimal digits, which the fastest level halves. */
const level = 1
const abandonedMs = 60 * 60_000

/** Writes a backup to the file, which appears under its name when it is complete. */
export async function writeBackup(url: string, file: string, report: BackupReport, { isReplacing = false } = {}): Promise<BackupSummary> {
  const refuseOther = () => {
    if (!isReplacing && existsSync(file)) throw new BackupError(`${file} exists. Choose another name, or replace the file with --force.`)
  }
  refuseOther()
  const partial = `${file}.${randomUUID()}.partial`
  const discard = () => rmSync(partial, { force: true })
  process.on('exit', discard)
  try {
    await removePartials(file)
    const summary = await streamBackup(url, createWriteStream(partial, { flags: 'wx', mode: 0o600 }), report)
    await flush(partial)
    refuseOther()
    await rename(partial, file)
    return summary
  } catch (error) {
    discard()
    const { code, syscall } = error as NodeJS.ErrnoException
    if (!code || !/^(open|write|rename|fsync|scandir|unlink|rm)/.test(syscall ?? '')) throw error
    throw new BackupError(`The backup cannot be written to ${file} (${code}). Check the directory and the free space of its disk.`)
  } finally {
    process.off('exit', discard)
  }
}

/** Removes what killed backups to this file left. A running backup changes its file all the time. */
async function removePartials(file: string) {
  const dir = dirname(file)
  for (const name of await readdir(dir)) {
    if (!name.startsWith(`${basename(file)}.`) || !name.endsWith('.partial')) continue
    const found = await stat(join(dir, name)).catch(() => undefined)
    if (found && Date.now() - found.mtimeMs > abandonedMs) await rm(join(dir, name), { force: true })
  }
}

async function flush(file: string) {
  const handle = await open(file, 'r+')
  await handle.sync().finally(() => handle.close())
}

/** Writes a backup to a stream. */
export async function streamBackup(url: string, target: Writable, report: BackupReport): Promise<BackupSummary> {
  const archive = new PassThrough({ highWaterMark: 1e6 })
  const written = pipeline(archive, createGzip({ level }), target)
  // When the disk is full, `written` has the reason.
  const read = readDatabase(url, archive, report).catch((error) => {
    archive.destroy(error as Error)
    throw error
  })
  read.catch(() => {})
  await written
  return read
}

async function readDatabase(url: string, archive: Writable, report: BackupReport): Promise<BackupSummary> {
  let connection: Connection | undefined
  try {
    connection = await openUnbounded(url)
    await connection.send("set datestyle = 'ISO, YMD'; set timezone = 'UTC'; set client_encoding = 'UTF8'; set extra_float_digits = 1")
    await keepSchema(connection, report)
    await beginReading(connection)
    return await writeArchive(connection, archive)
  } catch (error) {
    throw explainDatabaseProblem(error, url)
  } finally {
    await connection?.close(0)
  }
}

async function writeArchive(connection: Connection, archive: Writable): Promise<BackupSummary> {
  const at = new Date()
  const migrations = await findAppliedMigrations(connection)
  if (!migrations.length) throw new BackupError('The database has no installation of custom-speech. Check DATA_DIR and DATABASE_URL.')
  const [tables, sequences] = [await listKeptTables(connection), await listSequences(connection)]
  const manifest: Manifest = { format, version, createdAt: at.toISOString(), migrations, tables, sequences }
  const add = async (entry: Entry) => {
    for (const bytes of writeEntry(entry, at)) await writeAll(archive, bytes)
  }
  const head = toDocument(manifest)
  await add({ name: manifestName, body: head })
  const sums: Sums = { manifest: sha256(head), tables: {} }
  for (const table of tables) sums.tables[table.name] = await writeTable(connection, table, add)
  const files = await countFiles(connection)
  await add({ name: sumsName, body: toDocument(sums) })
  await writeAll(archive, archiveEnd())
  archive.end()
  const written = Object.values(sums.tables)
  const total = (of: 'rows' | 'bytes') => written.reduce((sum, table) => sum + table[of], 0)
  return { tables: tables.length, rows: total('rows'), bytes: total('bytes'), files }
}

async function writeTable(connection: Connection, table: Manifest['tables'][number], add: (entry: Entry) => Promise<void>): Promise<Sums['tables'][string]> {
  const hash = createHash('sha256')
  let held: Buffer[] = []
  let [size, bytes, part] = [0, 0, 0]
  const flush = async () => {
    const body = Buffer.concat(held)
    // A row can be larger than a part.
    for (let at = 0; at < size; at += partBytes) await add({ name: partName(table.name, part++), body: body.subarray(at, at + partBytes) })
    held = []
    size = 0
  }
  const rows = await copyOut(connection, `copy ${columnsOf(table)} to stdout`, async (chunk) => {
    hash.update(chunk)
    held.push(chunk)
    size += chunk.length
    bytes += chunk.length
    if (size >= partBytes) await flush()
  })
  await flush()
  return { rows, bytes, sha256: hash.digest('hex') }
}

async function writeAll(stream: Writable, bytes: Buffer): Promise<void> {
  if (stream.destroyed) throw stream.errored ?? new BackupError('The backup was stopped.')
  if (stream.write(bytes)) return
  await new Promise<void>((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done)
      resolve()
    }
    stream.on('drain', done).on('close', done)
  })
}

const toDocument = (value: object) => Buffer.from(`${JSON.stringify(value, null, 2)}\n`)
export const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
