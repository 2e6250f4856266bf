// Files in a bucket of an S3-compatible server, which runs in this process.
import { createHash, randomBytes } from 'node:crypto'
import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
// @ts-expect-error The package has no types.
import S3rver from '@20minutes/s3rver'
import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, expect, inject, onTestFinished, test } from 'vitest'
import { createFileStore } from '../../src/artifacts/file-store.ts'
import { findFilesToStore } from '../../src/artifacts/needed-files.ts'
import { createS3Bytes } from '../../src/artifacts/s3-bytes.ts'
import { readConfig } from '../../src/config.ts'
import { type DatabaseClient, openClient } from '../../src/postgres/client.ts'
import { modelsOf } from '../support/models.ts'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { silentLog } from '../support/recognizers.ts'
import { openTestService, type Service } from '../support/service.ts'

interface S3Server {
  run(): Promise<{ port: number }>
  close(): Promise<void>
}
const Server = S3rver as unknown as new (options: object) => S3Server

let server: S3Server
let dir: string
let settings: Record<string, string>
let api: Service
/** The directory of the objects. */
let objects: string
let client: DatabaseClient
let sql: postgres.Sql
const { signal } = new AbortController()

beforeAll(async () => {
  dir = await makeDirectory()
  await mkdir(join(dir, 'buckets'))
  objects = join(dir, 'buckets/models/speech/files')
  server = new Server({ address: '127.0.0.1', port: 0, silent: true, directory: join(dir, 'buckets'), configureBuckets: [{ name: 'models' }] })
  const { port } = await server.run()
  settings = {
    ARTIFACT_STORE: 's3://models/speech/files',
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    // The account of the server.
    AWS_ACCESS_KEY_ID: 'S3RVER',
    AWS_SECRET_ACCESS_KEY: 'S3RVER',
  }
  api = await openTestService({ ROLES: 'api', ...settings })
  client = openClient(api.databaseUrl, silentLog)
  sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
})
afterAll(async () => {
  await sql?.end()
  await client?.close()
  await api?.close()
  await server?.close()
  await rm(dir, { recursive: true, force: true })
})
beforeEach(async () => {
  await sql`truncate stored_files, file_chunks, uploads, object_copies, received_files`
  await rm(join(dir, 'buckets/models/speech'), { recursive: true, force: true })
})

const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const openFiles = (changed: Record<string, string> = {}) => createFileStore(client, readConfig({ ...settings, ...changed }).artifacts.objectStore)
/** An upload of the file, as the row that needs it. */
const needFile = ({ sha256, size }: { sha256: string; size: number }) =>
  sql`insert into uploads (workspace_id, kind, sha256, size, expires_at) select id, 'ACOUSTIC_MODEL', ${sha256}, ${size}, now() + interval '1 day' from workspaces limit 1`
const listObjects = async () => {
  const names = await readdir(objects).catch(() => [])
  return names.filter((name) => name.endsWith('_object') && !name.startsWith('owner'))
}

async function makeFile(size = 3_000_000) {
  const bytes = randomBytes(size)
  const path = join(dir, crypto.randomUUID())
  await writeFile(path, bytes)
  return { path, file: { sha256: hashOf(bytes), size } }
}

test('an upload is an object of the bucket, and every process reads it back', async () => {
  const text = 'four of clubs\n'.repeat(1000)
  const response = await modelsOf(api).upload('text', text)
  expect(response.status).toBe(201)
  expect(await listObjects()).toHaveLength(1)
  expect(await sql`select from file_chunks`).toHaveLength(0)
  const stream = await openFiles().read(hashOf(Buffer.from(text)))
  expect(stream && String(await buffer(stream))).toBe(text)
})

test('several writers of one file leave one object', async () => {
  const { path, file } = await makeFile()
  await Promise.all([1, 2, 3].map(() => openFiles().write(file, path, signal)))
  expect(await listObjects()).toHaveLength(1)
  const stream = await openFiles().read(file.sha256)
  expect(stream && hashOf(await buffer(stream))).toBe(file.sha256)
})

test('a file with other bytes than its SHA-256 becomes no object', async () => {
  const { path, file } = await makeFile()
  await expect(openFiles().write({ ...file, sha256: 'a'.repeat(64) }, path, signal)).rejects.toThrow('other bytes')
  expect(await listObjects()).toEqual([])
})

/** The ids of copies tell their age: as if all copies had been begun in 1970. */
async function ageCopies(db = sql) {
  const old = db`overlay(copy_id::text placing '00000000-0000' from 1 for 13)::uuid`
  const ids = await db`select copy_id as id, ${old} as old from object_copies`
  for (const table of ['object_copies', 'stored_files']) await db`update ${db(table)} set copy_id = ${old}`
  for (const { id, old: aged } of ids) {
    for (const name of (await readdir(objects)).filter((found) => found.startsWith(id)))
      await rename(join(objects, name), join(objects, name.replace(id, aged)))
  }
}

test('objects that no file needs are removed, those of killed writers too, and other objects stay', async () => {
  const files = openFiles()
  const { objectStore } = readConfig(settings).artifacts
  const [old, young, lost] = [await makeFile(10), await makeFile(10), await makeFile(10)]
  await files.write(old.file, old.path, signal)
  const lostId = `00000000-0000-7000-8000-${randomBytes(6).toString('hex')}`
  await createS3Bytes(client, objectStore as NonNullable<typeof objectStore>).put(lostId, lost.file, lost.path, signal)
  await ageCopies()
  await sql`update stored_files set stored_at = now() - interval '2 days'`
  await files.write(young.file, young.path, signal)
  // Another program's object, with a name as of a copy.
  const [name = ''] = await listObjects()
  await cp(join(objects, name), join(objects, name.replace(/^[^.]+/, '00000000-0000-7000-8000-000000000000')))
  expect(await listObjects()).toHaveLength(4)
  expect(await files.removeUnneeded(signal)).toBe(1)
  expect(await listObjects()).toHaveLength(2)
  expect(await sql`select from object_copies`).toHaveLength(1)
  expect(await files.read(young.file.sha256)).toBeDefined()
})

test('another database and a restored copy remove no objects of the first database', async () => {
  const files = openFiles()
  const { path, file } = await makeFile(10)
  await files.write(file, path, signal)
  await ageCopies()
  const other = await cloneDatabase(inject('postgresUrl'))
  const [otherClient, otherSql] = [openClient(other.url, silentLog), postgres(other.url, { max: 1, onnotice: () => {} })]
  onTestFinished(async () => {
    await Promise.all([otherSql.end(), otherClient.close()])
    await other.drop()
  })
  const others = createFileStore(otherClient, readConfig(settings).artifacts.objectStore)
  await others.removeUnneeded(signal)
  expect(await listObjects()).toHaveLength(1)
  // The copy lists the object, and nothing in it needs the file.
  for (const { copy_id } of await sql`select copy_id from object_copies`) await otherSql`insert into object_copies (copy_id) values (${copy_id})`
  await expect(others.removeUnneeded(signal)).rejects.toThrow('has the id of another installation')
  expect(await listObjects()).toHaveLength(1)
  // The operator deletes the object when the original is gone.
  for (const name of (await readdir(objects)).filter((found) => found.startsWith('owner'))) await rm(join(objects, name))
  await others.removeUnneeded(signal)
  expect(await listObjects()).toEqual([])
})

test('a file that the object store has lost is stored again by its next writer', async () => {
  const files = openFiles()
  const { path, file } = await makeFile(10)
  await files.write(file, path, signal)
  for (const name of await listObjects()) await rm(join(objects, name))
  const stream = await files.read(file.sha256)
  await expect(buffer(stream as NonNullable<typeof stream>)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' })
  await files.write(file, path, signal)
  const again = await files.read(file.sha256)
  expect(again && hashOf(await buffer(again))).toBe(file.sha256)
  expect(await listObjects()).toHaveLength(1)
})

test('files in Postgres stay readable after a change to an object store; after the change back, the next writer stores a file again', async () => {
  const [first, second] = [await makeFile(), await makeFile()]
  const inPostgres = createFileStore(client)
  await inPostgres.write(first.file, first.path, signal)
  await openFiles().write(second.file, second.path, signal)
  const stream = await openFiles().read(first.file.sha256)
  expect(stream && hashOf(await buffer(stream))).toBe(first.file.sha256)
  await expect(inPostgres.read(second.file.sha256)).rejects.toThrow('Set ARTIFACT_STORE')
  await needFile(second.file)
  const findLacking = (hasObjectStore: boolean) => findFilesToStore(client, [first.file.sha256, second.file.sha256], { hasObjectStore })
  expect(await findLacking(true)).toEqual(new Set())
  expect(await findLacking(false)).toEqual(new Set([second.file.sha256]))
  await inPostgres.write(second.file, second.path, signal)
  const again = await inPostgres.read(second.file.sha256)
  expect(again && hashOf(await buffer(again))).toBe(second.file.sha256)
})

test('a wrong secret, a missing bucket and a server that is away are told apart', async () => {
  const { path, file } = await makeFile(10)
  const write = (changed: Record<string, string>) => openFiles(changed).write(file, path, signal)
  await expect(write({ AWS_SECRET_ACCESS_KEY: 'wrong' })).rejects.toThrow('403 SignatureDoesNotMatch')
  await expect(write({ ARTIFACT_STORE: 's3://other' })).rejects.toThrow('bucket other of ARTIFACT_STORE does not exist')
  await expect(write({ AWS_ENDPOINT_URL: 'http://127.0.0.1:9' })).rejects.toThrow('object store is not available')
})

test('the settings of an object store are checked at the start', () => {
  const problemsOf = (changed: Record<string, string>) => () => readConfig({ ...settings, ...changed })
  expect(problemsOf({ ARTIFACT_STORE: 'https://models' })).toThrow('ARTIFACT_STORE: must be s3://bucket')
  expect(problemsOf({ AWS_SECRET_ACCESS_KEY: '' })).toThrow('needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY')
  expect(readConfig({ ...settings, AWS_ENDPOINT_URL: '', AWS_REGION: 'eu-central-1' }).artifacts.objectStore).toMatchObject({
    endpoint: 'https://s3.eu-central-1.amazonaws.com',
    bucket: 'models',
    prefix: 'speech/files/',
  })
})
