// The bytes of a workspace on disk: each file counts once, and a full workspace refuses more.
import { request as httpRequest } from 'node:http'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { storedFile } from '../../src/artifacts/source.ts'
import { readDiskUsage } from '../../src/domain/disk-usage.ts'
import { modelHandler } from '../../src/jobs/model-job.ts'
import { openStore, type Store } from '../../src/postgres/store.ts'
import { makeDirectory } from '../support/postgres.ts'
import { silentLog } from '../support/recognizers.ts'
import { type Service, uuidOf } from '../support/service.ts'
import { diskBytes, openQuotaService, openWorkspace, words } from './quotas.ts'

let api: Service
let store: Store
let sql: postgres.Sql
beforeAll(async () => {
  api = await openQuotaService()
  store = await openStore({ databaseUrl: api.databaseUrl, dataDir: await makeDirectory() }, [], silentLog)
  sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
})
afterAll(async () => {
  await sql?.end()
  await store?.close()
  await api?.close()
})

test('a file counts once in uploads and models, and deleting both frees it', async () => {
  const { upload, models, limits, ask } = await openWorkspace(api)
  const text = words(300_000)
  const first = await upload(text)
  expect((await upload(text)).id).toBe(first.id)
  const { model } = await models.createLanguageModel({ uploadId: first.id })
  expect(model.status).toBe('QUEUED')
  expect((await limits()).disk).toMatchObject({ usedBytes: 300_000, unusedUploadBytes: 0 })
  const remove = (id: string) => ask('mutation ($id: ID!) { deleteUpload(id: $id) { __typename } }', { id })
  await remove(first.id)
  expect((await limits()).disk.usedBytes).toBe(300_000)
  await models.delete(model.id)
  expect((await limits()).disk.usedBytes).toBe(0)
})

test('a file in two workspaces counts for each', async () => {
  const [one, other] = [await openWorkspace(api), await openWorkspace(api)]
  const text = words(200_000)
  for (const { upload, limits } of [one, other]) {
    expect(await upload(text)).toMatchObject({ status: 201 })
    expect((await limits()).disk.usedBytes).toBe(200_000)
  }
})

test('a refused upload returns the usage, the limit and the objects to delete', async () => {
  const { upload } = await openWorkspace(api)
  const text = words(700_000)
  await upload(text)
  expect(await upload(words(700_000))).toMatchObject({
    status: 413,
    code: 'DISK_QUOTA_EXCEEDED',
    limitBytes: diskBytes,
    usedBytes: 700_000,
    unusedUploadBytes: 700_000,
    detail:
      'The workspace uses 0.7 MB for uploads, custom models and test sets. The limit is 1 MB, and this request needs 0.7 MB more. Delete uploads that are not in use (deleteUpload frees 0.7 MB), or models and test sets that are no longer needed (deleteModel, deleteTestSet), or ask the operator for a higher MAX_DISK_MB.',
  })
})

test('deleted uploads are bounded too: what is stored never exceeds twice the quota', async () => {
  const { upload, ask, limits } = await openWorkspace(api)
  const remove = (id: string) => ask('mutation ($id: ID!) { deleteUpload(id: $id) { __typename } }', { id })
  const text = words(900_000)
  await remove((await upload(text))['id'])
  await remove((await upload(words(900_000)))['id'])
  expect((await limits()).disk.usedBytes).toBe(0)
  expect(await upload(words(300_000))).toMatchObject({
    status: 413,
    code: 'DISK_QUOTA_EXCEEDED',
    usedBytes: 0,
    detail: expect.stringContaining('have 1.8 MB, and this request needs 0.3 MB more. The limit is twice 1 MB. Deleted files are removed within three hours.'),
  })
  // The same file again needs no more space.
  expect(await upload(text)).toMatchObject({ status: 201 })
})

/** Sends the head of an upload and `sent` bytes of its body, and waits for the answer. */
const begin = (key: string, headers: Record<string, string | number>, sent: number) =>
  new Promise<{ status: number | undefined; body: any }>((answered, failed) => {
    const request = httpRequest(`${api.localUrl}/uploads?kind=text`, { method: 'PUT', headers: { authorization: `Bearer ${key}`, ...headers } })
    request.on('error', failed)
    request.on('response', (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => {
        answered({ status: response.statusCode, body: JSON.parse(body) })
        request.destroy()
      })
    })
    request.flushHeaders()
    if (sent) request.write(words(sent))
  })

test('the server refuses an upload before its body with Content-Length, and during its body without', async () => {
  const { key, upload, limits } = await openWorkspace(api)
  await upload(words(500_000))
  const expected = { status: 413, body: expect.objectContaining({ code: 'DISK_QUOTA_EXCEEDED', usedBytes: 500_000 }) }
  expect(await begin(key, { 'content-length': 600_000 }, 0)).toEqual(expected)
  // A chunked body that never ends.
  expect(await begin(key, {}, 600_000)).toEqual(expected)
  // The limit of one file still has its own code.
  expect((await begin(key, { 'content-length': 6_000_000 }, 0)).body.code).toBe('UPLOAD_TOO_LARGE')
  expect((await limits()).disk.usedBytes).toBe(500_000)
})

test('a full workspace refuses new models with DiskQuotaExceededError', async () => {
  const { upload, models } = await openWorkspace(api)
  expect(await upload(words(diskBytes))).toMatchObject({ status: 201 })
  const created = [
    await models.createLanguageModel({ text: 'one word' }),
    await models.createAcousticModel({ source: { httpsUrl: 'https://models.example/model.tgz' } }),
  ]
  for (const answer of created) expect(answer).toMatchObject({ __typename: 'DiskQuotaExceededError', code: 'DISK_QUOTA_EXCEEDED', path: null })
})

test('a model whose files exceed the quota fails, and becomes READY after files were deleted', async () => {
  const { id: workspaceId, models, upload, limits, ask } = await openWorkspace(api)
  const { model } = await models.createLanguageModel({ text: 'one word' })
  const { id } = await upload(words(700_000))
  const modelId = uuidOf(model.id)
  const base = { name: 'encoder', sources: ['npm:package/encoder', 'store:'], sha256: 'b'.repeat(64), size: 50e6 }
  const build = async (size: number) => {
    const service = { store, limits: { diskBytes }, log: silentLog } as never
    const files = [base, storedFile('words', { sha256: 'a'.repeat(64), size })]
    const handler = modelHandler(service, { TRAINING: 0 }, async (steps) => {
      await steps.enter('TRAINING', 'Reading the text.')
      await steps.record({ status: 'READY', message: 'Ready.', progress: 1, made: { files } })
    })
    const [row] = await sql`select attempt from models where id = ${modelId}`
    await handler.run({ modelId, workspaceId, attempt: row?.['attempt'], failedTries: 0 }, AbortSignal.timeout(30_000))
    return models.find(model.id)
  }
  expect(await build(400_000)).toMatchObject({ status: 'FAILED', failure: { code: 'DISK_QUOTA_EXCEEDED', message: expect.stringContaining('deleteUpload') } })
  expect((await limits()).disk.usedBytes).toBe(700_008)
  await ask('mutation ($id: ID!) { deleteUpload(id: $id) { __typename } }', { id })
  expect(await models.retry(model.id)).toMatchObject({ model: { status: 'QUEUED' } })
  expect(await build(400_000)).toMatchObject({ status: 'READY' })
  // The files of the base model do not count.
  expect((await limits()).disk.usedBytes).toBe(400_008)
  expect(await readDiskUsage(store.db, workspaceId, [{ sha256: 'a'.repeat(64), size: 400_000 }])).toEqual({ bytes: 400_008, unusedUploadBytes: 0 })
})
