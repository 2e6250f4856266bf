// Uploaded and generated files in Postgres, and the disks of the processes as caches of them.
import { spawn } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, expect, inject, onTestFinished, test } from 'vitest'
import { createFileStore } from '../../src/artifacts/file-store.ts'
import { findFilesToKeep } from '../../src/artifacts/needed-files.ts'
import { storedFile } from '../../src/artifacts/source.ts'
import { openArtifacts } from '../../src/artifacts/store.ts'
import { keepCacheTidy } from '../../src/jobs/tidy-cache.ts'
import { type DatabaseClient, openClient } from '../../src/postgres/client.ts'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { silentLog } from '../support/recognizers.ts'
import { until } from '../support/until.ts'

let database: Awaited<ReturnType<typeof cloneDatabase>>
let client: DatabaseClient
let sql: postgres.Sql
let dir: string
const { signal } = new AbortController()

beforeAll(async () => {
  database = await cloneDatabase(inject('postgresUrl'))
  client = openClient(database.url, silentLog)
  sql = postgres(database.url, { max: 1, onnotice: () => {} })
  dir = await makeDirectory()
})
afterAll(async () => {
  await sql?.end()
  await client?.close()
  await database?.drop()
  await rm(dir, { recursive: true, force: true })
})
beforeEach(async () => {
  await sql`truncate stored_files, file_chunks, uploads, received_files`
})

const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** A file of random bytes on the disk. */
async function makeFile(size = 2_500_000) {
  const bytes = randomBytes(size)
  const sha256 = hashOf(bytes)
  const path = join(dir, randomUUID())
  await writeFile(path, bytes)
  return { bytes, path, file: { sha256, size } }
}

/** An upload of the file in a workspace, as the row that needs it. */
async function needFile({ sha256, size }: { sha256: string; size: number }) {
  const [workspace] = await sql`select id from workspaces limit 1`
  const workspaceId = workspace?.['id'] ?? (await sql`insert into workspaces (name) values ('One') returning id`)[0]?.['id']
  await sql`insert into uploads (workspace_id, kind, sha256, size, expires_at) values (${workspaceId}, 'ACOUSTIC_MODEL', ${sha256}, ${size}, now() + interval '1 day')`
}

const ageFile = (sha256: string) => sql`update stored_files set stored_at = now() - interval '25 hours' where sha256 = ${sha256}`
/** As if the copies had been begun in 1970. */
async function ageCopies() {
  for (const table of ['file_chunks', 'stored_files'])
    await sql`update ${sql(table)} set copy_id = overlay(copy_id::text placing '00000000-0000' from 1 for 13)::uuid`
}
/** The SHA-256 of the bytes that the store answers. */
const hashFrom = async (files: ReturnType<typeof createFileStore>, sha256: string) => {
  const stream = await files.read(sha256)
  return stream && hashOf(await buffer(stream))
}

const serving = { hasObjectStore: false, isServing: true }

async function openCache(files = createFileStore(client), keepsCopies = true) {
  const dataDir = await makeDirectory()
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
  const artifacts = await openArtifacts({ dataDir, privateSources: false, keepsCopies }, files)
  return { ...artifacts, dataDir, pathOf: (sha256: string) => join(dataDir, 'artifacts', sha256) }
}
const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

test('a file is stored in chunks of 1 MB, uncompressed, and read back', async () => {
  const files = createFileStore(client)
  const { path, file } = await makeFile()
  expect(await files.read(file.sha256)).toBeUndefined()
  await files.write(file, path, signal)
  expect(await sql`select octet_length(bytes) as bytes from file_chunks order by position`).toEqual([1e6, 1e6, 5e5].map((size) => ({ bytes: size })))
  const [column] = await sql`select attstorage from pg_attribute where attrelid = 'file_chunks'::regclass and attname = 'bytes'`
  expect(column).toEqual({ attstorage: 'e' })
  expect(await hashFrom(files, file.sha256)).toBe(file.sha256)
})

test('a file that has other bytes than its SHA-256 is not stored', async () => {
  const files = createFileStore(client)
  const { path, file } = await makeFile()
  await expect(files.write({ ...file, sha256: 'a'.repeat(64) }, path, signal)).rejects.toThrow('other bytes')
  expect(await files.read('a'.repeat(64))).toBeUndefined()
  await until(async () => (await sql`select from file_chunks`).length === 0)
})

test('several writers of one file leave one copy', async () => {
  const { path, file } = await makeFile()
  const writers = Array.from({ length: 4 }, () => createFileStore(client))
  await Promise.all(writers.map((files) => files.write(file, path, signal)))
  expect((await sql`select distinct copy_id from file_chunks`).length).toBe(1)
  expect(await hashFrom(createFileStore(client), file.sha256)).toBe(file.sha256)
})

test('a writer that is killed leaves no file, and its chunks are removed later', async () => {
  const { path, file } = await makeFile(30_000_000)
  const program = resolve(import.meta.dirname, '../faults/file-writer.process.ts')
  const writer = spawn(process.execPath, [program, database.url, path, file.sha256, String(file.size)], { stdio: ['ignore', 'ignore', 'inherit'] })
  await until(async () => (await sql`select from file_chunks`).length > 2)
  writer.kill('SIGKILL')
  await once(writer, 'exit')
  const files = createFileStore(client)
  expect(await files.read(file.sha256)).toBeUndefined()
  expect(await files.removeUnneeded(signal)).toBe(0)
  expect((await sql`select from file_chunks`).length).toBeGreaterThan(2)
  await ageCopies()
  await files.write(file, path, signal)
  await needFile(file)
  await files.removeUnneeded(signal)
  expect(await sql`select count(*)::int as chunks from file_chunks`).toEqual([{ chunks: 30 }])
  expect(await hashFrom(files, file.sha256)).toBe(file.sha256)
})

test('a file that no row needs is removed after a day, and one that is written again stays', async () => {
  const files = createFileStore(client)
  const [needed, again, young, old] = [await makeFile(10), await makeFile(10), await makeFile(10), await makeFile(10)]
  for (const { file, path } of [needed, again, young, old]) await files.write(file, path, signal)
  await needFile(needed.file)
  for (const { file } of [needed, again, old]) await ageFile(file.sha256)
  await files.write(again.file, again.path, signal)
  await ageCopies()
  expect(await files.removeUnneeded(signal)).toBe(1)
  expect(await files.read(old.file.sha256)).toBeUndefined()
  expect((await sql`select from file_chunks`).length).toBe(3)
})

test('a file that one process keeps is fetched by a process with another DATA_DIR', async () => {
  const [here, there] = [await openCache(), await openCache()]
  const { path } = await makeFile()
  const kept = await here.keep(async (target) => writeFile(target, await readFile(path)))
  const { words } = await there.fetch({ files: [storedFile('words', kept)] })
  expect(hashOf(await readFile(words as string))).toBe(kept.sha256)
})

test('a file that is nowhere fails as ARTIFACT_MISSING and names what to do', async () => {
  const { fetch } = await openCache()
  await expect(fetch({ files: [storedFile('words', { sha256: 'b'.repeat(64), size: 1 })] })).rejects.toMatchObject({
    code: 'ARTIFACT_MISSING',
    isLasting: true,
    message: expect.stringContaining('is not in the database'),
  })
})

test('files that an earlier version kept in DATA_DIR move to the database at the next start, except damaged ones', async () => {
  const cache = await openCache()
  const [first, second, damaged, unneeded] = [await makeFile(), await makeFile(), await makeFile(), await makeFile()]
  for (const { file, bytes } of [first, second, damaged, unneeded]) await writeFile(cache.pathOf(file.sha256), bytes)
  for (const { file } of [first, second, damaged]) await needFile(file)
  await writeFile(cache.pathOf(damaged.file.sha256), 'damaged')
  const files = createFileStore(client)
  // The earlier start was interrupted after the first file.
  await files.write(first.file, first.path, signal)
  const said: object[] = []
  const log = { ...silentLog, warn: (fields: object) => said.push(fields), info: () => {}, debug: () => {} } as never
  const rounds = keepCacheTidy({ store: client as never, artifacts: cache, log }, serving)
  await until(() => said.length > 2)
  await rounds.close()
  expect(said).toEqual([{ files: 2 }, { damaged: [damaged.file.sha256] }, { files: 1 }])
  expect(await hashFrom(files, second.file.sha256)).toBe(second.file.sha256)
  expect((await sql`select from stored_files`).length).toBe(2)
})

test('a file that cannot be read does not keep other files from moving', async () => {
  const cache = await openCache()
  const [first, second] = [await makeFile(10), await makeFile(10)].sort((one, other) => (one.file.sha256 < other.file.sha256 ? -1 : 1))
  // A directory under the name of a file.
  await mkdir(cache.pathOf(first?.file.sha256 ?? ''))
  await writeFile(cache.pathOf(second?.file.sha256 ?? ''), second?.bytes ?? '')
  const { moved, damaged, failed } = await cache.moveOver(async (sha256s) => new Set(sha256s.sort()), signal)
  expect({ moved, damaged }).toEqual({ moved: [second?.file.sha256], damaged: [] })
  expect(failed).toMatchObject([{ sha256: first?.file.sha256, error: { code: 'EISDIR' } }])
})

test('a process without jobs and endpoints keeps no copy of a file that it stores', async () => {
  const cache = await openCache(createFileStore(client), false)
  const { bytes, file } = await makeFile(10)
  expect(await cache.keep((path) => writeFile(path, bytes))).toEqual(file)
  expect(await readdir(join(cache.dataDir, 'artifacts'))).toEqual([])
  expect(await hashFrom(createFileStore(client), file.sha256)).toBe(file.sha256)
})

test('an upload that nothing needs is removed after two hours, and counts until then', async () => {
  const files = createFileStore(client)
  const [received, generated] = [await makeFile(10), await makeFile(10)]
  for (const { file, path } of [received, generated]) await files.write(file, path, signal)
  const [{ id } = { id: '' }] = await sql`insert into workspaces (name) values ('Two') returning id`
  await sql`insert into received_files (workspace_id, sha256, size) values (${id}, ${received.file.sha256}, 10)`
  await files.removeUnneeded(signal)
  for (const [table, column] of [
    ['stored_files', 'stored_at'],
    ['received_files', 'received_at'],
  ] as const)
    await sql`update ${sql(table)} set ${sql(column)} = now() - interval '3 hours'`
  await ageCopies()
  expect(await sql`select from received_files`).toHaveLength(1)
  expect(await files.removeUnneeded(signal)).toBe(1)
  expect(await sql`select from received_files`).toHaveLength(0)
  expect(await files.read(received.file.sha256)).toBeUndefined()
  expect(await hashFrom(files, generated.file.sha256)).toBe(generated.file.sha256)
  expect(await sql`select from file_chunks`).toHaveLength(1)
})

test('a cache removes files that were not used for a day, unless only this machine has them', async () => {
  const cache = await openCache()
  const [used, unused, onlyHere] = [await makeFile(10), await makeFile(10), await makeFile(10)]
  const kept = await Promise.all([used, unused].map(({ bytes }) => cache.keep((path) => writeFile(path, bytes))))
  await writeFile(cache.pathOf(onlyHere.file.sha256), onlyHere.bytes)
  for (const { file } of [used, unused, onlyHere]) {
    await needFile(file)
    const { mtimeMs } = await stat(cache.pathOf(file.sha256))
    await utimes(cache.pathOf(file.sha256), Date.now() / 1000 - 25 * 3600, mtimeMs / 1000)
  }
  await cache.fetch({ files: kept.slice(0, 1).map((file) => storedFile('used', file)) })
  expect(await cache.tidy((sha256s) => findFilesToKeep(client, sha256s, serving))).toBe(1)
  expect(await exists(cache.pathOf(used.file.sha256))).toBe(true)
  expect(await exists(cache.pathOf(unused.file.sha256))).toBe(false)
  expect(await exists(cache.pathOf(onlyHere.file.sha256))).toBe(true)
  const { again } = await cache.fetch({ files: kept.slice(1).map((file) => storedFile('again', file)) })
  expect(await readFile(again as string)).toEqual(unused.bytes)
})
