// Files in a bucket of an S3-compatible server, which runs in this process.
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
// @ts-expect-error The package has no types.
import S3rver from '@20minutes/s3rver'
import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createFileStore } from '../../src/artifacts/file-store.ts'
import { createS3Bytes } from '../../src/artifacts/s3-bytes.ts'
import { readConfig } from '../../src/config.ts'
import { type DatabaseClient, openClient } from '../../src/postgres/client.ts'
import { modelsOf } from '../support/models.ts'
import { makeDirectory } from '../support/postgres.ts'
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
let client: DatabaseClient
let sql: postgres.Sql
const { signal } = new AbortController()

beforeAll(async () => {
  dir = await makeDirectory()
  await mkdir(join(dir, 'buckets'))
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
  await sql`truncate stored_files, file_chunks, uploads`
  await rm(join(dir, 'buckets/models/speech'), { recursive: true, force: true })
})

const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const openFiles = (changed: Record<string, string> = {}) => createFileStore(client, readConfig({ ...settings, ...changed }).artifacts.objectStore)
const listObjects = async () => {
  const names = await readdir(join(dir, 'buckets/models/speech/files')).catch(() => [])
  return names.filter((name) => name.endsWith('_object'))
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

test('objects that no file needs are removed after a day, those of killed writers too', async () => {
  const files = openFiles()
  const { objectStore } = readConfig(settings).artifacts
  const [old, young, lost] = [await makeFile(10), await makeFile(10), await makeFile(10)]
  await files.write(young.file, young.path, signal)
  // The ids of copies tell their age: the copies of the old files were begun in 1970.
  for (const { file, path } of [old, lost]) {
    const copyId = `00000000-0000-7000-8000-${randomBytes(6).toString('hex')}`
    await createS3Bytes(client, objectStore as NonNullable<typeof objectStore>).put(copyId, file, path, signal)
    if (file === old.file)
      await sql`insert into stored_files (sha256, size, copy_id, stored_at) values (${file.sha256}, 10, ${copyId}, now() - interval '2 days')`
  }
  expect(await listObjects()).toHaveLength(3)
  expect(await files.removeUnneeded(signal)).toBe(1)
  expect(await listObjects()).toHaveLength(1)
  expect(await files.read(young.file.sha256)).toBeDefined()
})

test('files in Postgres stay readable after a change to an object store, and not after the change back', async () => {
  const [first, second] = [await makeFile(), await makeFile()]
  const inPostgres = createFileStore(client)
  await inPostgres.write(first.file, first.path, signal)
  await openFiles().write(second.file, second.path, signal)
  const stream = await openFiles().read(first.file.sha256)
  expect(stream && hashOf(await buffer(stream))).toBe(first.file.sha256)
  await expect(inPostgres.read(second.file.sha256)).rejects.toThrow('Set ARTIFACT_STORE')
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
