import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { ZodType } from 'zod'
import { readMigrations } from '../postgres/schema-version.ts'
import { version } from '../version.ts'
import { ArchiveError, type Entry, readEntries } from './archive.ts'
import { sha256 } from './backup.ts'
import { format, type Manifest, manifestName, manifestSchema, type Sums, sumsName, sumsSchema, tableOfPart } from './manifest.ts'
import { BackupError } from './problem.ts'

/** A table of a backup; its parts must be read before the next table. */
export interface TableParts {
  table: Manifest['tables'][number]
  parts: AsyncIterable<Buffer>
}

/**
 * Reads a backup from its beginning to its end. `load` gets the tables in the order of the manifest. Every part of the
 * file is compared with the sums when it ends, so a damaged file is noticed only then.
 */
export async function readBackup(file: string, load: (manifest: Manifest, tables: AsyncIterable<TableParts>) => Promise<void>): Promise<Sums> {
  const damaged = (reason: string) => new BackupError(`${file} is not a complete backup: ${reason}. Use another backup.`)
  const source = createReadStream(file)
  const bytes = createGunzip()
  pipeline(source, bytes, () => {})
  const entries = readEntries(bytes)
  const next = async (): Promise<Entry> => {
    const { value, done } = await entries.next()
    if (done) throw damaged('its end is missing')
    return value
  }
  try {
    const first = await next()
    if (first.name !== manifestName) throw damaged('it has no manifest')
    const manifest = readManifest(first.body, file, damaged)
    const hashes = new Map<string, { hash: Hash; bytes: number }>(manifest.tables.map(({ name }) => [name, { hash: createHash('sha256'), bytes: 0 }]))
    let entry = await next()
    async function* readParts(name: string): AsyncGenerator<Buffer> {
      for (; tableOfPart(entry.name) === name; entry = await next()) {
        const sum = hashes.get(name)
        sum?.hash.update(entry.body)
        if (sum) sum.bytes += entry.body.length
        yield entry.body
      }
    }
    async function* readTables(): AsyncGenerator<TableParts> {
      for (const table of manifest.tables) yield { table, parts: readParts(table.name) }
    }
    await load(manifest, readTables())
    if (entry.name !== sumsName) throw damaged(`the entry ${entry.name} is not expected`)
    const sums = readDocument(sumsSchema, entry.body)
    if (!sums || sums.manifest !== sha256(first.body)) throw damaged('its checksums do not fit the manifest')
    for (const [name, { hash, bytes }] of hashes) {
      if (sums.tables[name]?.sha256 !== hash.digest('hex') || sums.tables[name].bytes !== bytes) throw damaged(`the table ${name} has a wrong checksum`)
    }
    if (!(await entries.next()).done) throw damaged('it goes on after its end')
    return sums
  } catch (error) {
    throw explain(error as NodeJS.ErrnoException, file, damaged)
  } finally {
    source.destroy()
  }
}

export interface CheckedBackup {
  manifest: Manifest
  sums: Sums
}

/** Reads the whole file and compares every checksum, without a database. */
export async function checkBackup(file: string): Promise<CheckedBackup> {
  let found: Manifest | undefined
  const sums = await readBackup(file, async (manifest, tables) => {
    found = manifest
    for await (const { parts } of tables) for await (const _ of parts);
  })
  return { manifest: found as Manifest, sums }
}

function readManifest(body: Buffer, file: string, damaged: (reason: string) => BackupError): Manifest {
  const { version: made, format: given } = readJson(body) as { version?: unknown; format?: unknown }
  const newer = () =>
    new BackupError(`${file} was made by custom-speech ${made}, which is newer than this version ${version}. Restore it with version ${made} or newer.`)
  if (typeof given === 'number' && given > format) throw newer()
  const manifest = readDocument(manifestSchema, body)
  if (!manifest) throw damaged('its manifest is invalid')
  const known = new Set(readMigrations().map(({ name }) => name))
  if (manifest.migrations.some((name) => !known.has(name))) throw newer()
  return manifest
}

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) ?? {}
  } catch {
    return {}
  }
}

const readDocument = <T>(schema: ZodType<T>, body: Buffer): T | undefined => schema.safeParse(readJson(body)).data

function explain(error: NodeJS.ErrnoException, file: string, damaged: (reason: string) => BackupError): Error {
  if (error instanceof ArchiveError) return damaged(error.message)
  // Of zlib, for a file that is cut off, changed or not compressed.
  if (error.code?.startsWith('Z_')) return damaged(error.code === 'Z_BUF_ERROR' ? 'it ends too early' : 'its compression is damaged')
  if (error.syscall) return new BackupError(`${file} cannot be read (${error.code}). Check the name of the file and its permissions.`)
  return error
}
