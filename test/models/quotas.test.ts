// Quotas hold under parallel requests, bytes on disk are counted once, and preflight agrees with create.
import { randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { storedFile } from '../../src/artifacts/source.ts'
import { readDiskUsage } from '../../src/domain/disk-usage.ts'
import { modelHandler } from '../../src/jobs/model-job.ts'
import { openStore, type Store } from '../../src/postgres/store.ts'
import { modelsOf } from '../support/models.ts'
import { makeDirectory } from '../support/postgres.ts'
import { silentLog } from '../support/recognizers.ts'
import { openTestService, type Service, uuidOf } from '../support/service.ts'

const limit = 4
const diskBytes = 1_000_000

let api: Service
let store: Store
let sql: postgres.Sql
beforeAll(async () => {
  const most = String(limit)
  const quotas = { MAX_DEPLOYMENTS: most, MAX_KEYS: most, MAX_MODELS: most, MAX_UPLOADS: most, MAX_DISK_MB: '1', MAX_UPLOAD_MB: '5' }
  api = await openTestService({ ROLES: 'api', ...quotas })
  store = await openStore({ databaseUrl: api.databaseUrl, dataDir: await makeDirectory() }, [], silentLog)
  sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
})
afterAll(async () => {
  await sql?.end()
  await store?.close()
  await api?.close()
})

/** A workspace of its own, seen with its first key. */
async function openWorkspace() {
  const { data } = await api.ask('mutation { createWorkspace(input: { name: "Own" }) { ... on CreateWorkspaceSuccess { workspace { id } secret } } }')
  const { workspace, secret: key } = data?.createWorkspace ?? {}
  const client = { ...api.as(key), localUrl: api.localUrl, key: key as string }
  const models = modelsOf(client)
  /** Sent again while the server receives as many files as it can. */
  const upload = async (body: string, kind = 'text'): Promise<Record<string, any>> => {
    const response = await models.upload(kind, body)
    const answer: Record<string, any> = { status: response.status, ...((await response.json()) as object) }
    if (answer['code'] !== 'TOO_MANY_UPLOADS') return answer
    await delay(50)
    return upload(body, kind)
  }
  const limits = async () =>
    (
      await client.ask(
        '{ viewer { limits { deployments { used } keys { used } models { used } uploads { used } disk { limitBytes usedBytes unusedUploadBytes } } } }',
      )
    ).data?.viewer.limits
  return { ...client, models, upload, limits, id: uuidOf(workspace.id) }
}

const parallel = async <T>(make: (n: number) => Promise<T>) => Promise.all(Array.from({ length: 4 * limit }, (_, n) => make(n)))
/** Words that do not compress, so that no file is like another. */
const words = (bytes: number) =>
  `${randomBytes(bytes / 2)
    .toString('hex')
    .slice(0, bytes - 1)}\n`.replace(/(.{60})./g, '$1\n')

describe('parallel creations stop at the limit:', () => {
  test('keys', async () => {
    const { ask, limits } = await openWorkspace()
    const created = await parallel(async () => (await ask('mutation { createKey(input: { name: "k", scopes: [READ] }) { __typename } }')).data?.createKey)
    // The first key of the workspace is one of them.
    expect(created.filter(({ __typename }) => __typename === 'CreateKeySuccess')).toHaveLength(limit - 1)
    expect(created.filter(({ __typename }) => __typename === 'QuotaExceededError')).toHaveLength(3 * limit + 1)
    expect((await limits()).keys.used).toBe(limit)
  })

  test('deployments, of which preflight says the same before and after', async () => {
    const { ask, create, sampleInput, limits } = await openWorkspace()
    const preflight = async () => {
      const query = `query ($input: CreateDeploymentInput!) { deploymentPreflight(input: $input) { ok problems { __typename ... on QuotaExceededError { limit used } } } }`
      return (await ask(query, { input: await sampleInput() })).data?.deploymentPreflight
    }
    expect(await preflight()).toEqual({ ok: true, problems: [] })
    const created = await parallel(async () => create(await sampleInput()))
    expect(created.filter(({ __typename }) => __typename === 'CreateDeploymentSuccess')).toHaveLength(limit)
    expect(created.filter(({ code }) => code === 'QUOTA_EXCEEDED')).toHaveLength(3 * limit)
    expect((await limits()).deployments.used).toBe(limit)
    expect(await preflight()).toEqual({ ok: false, problems: [{ __typename: 'QuotaExceededError', limit, used: limit }] })
  })

  test('models', async () => {
    const { models, limits } = await openWorkspace()
    const created = await parallel((n) => models.createLanguageModel({ text: `word ${n}` }))
    expect(created.filter(({ __typename }) => __typename === 'CreateLanguageModelSuccess')).toHaveLength(limit)
    expect(created.filter(({ code }) => code === 'QUOTA_EXCEEDED')).toHaveLength(3 * limit)
    expect((await limits()).models.used).toBe(limit)
  })

  test('uploads', async () => {
    const { upload, limits } = await openWorkspace()
    const sent = await parallel((n) => upload(`word ${n}\n`))
    expect(sent.filter(({ status }) => status === 201)).toHaveLength(limit)
    expect(sent.filter(({ code }) => code === 'UPLOAD_LIMIT')).toHaveLength(3 * limit)
    expect((await limits()).uploads.used).toBe(limit)
  })

  test('bytes of uploads', async () => {
    const { upload, limits } = await openWorkspace()
    const sent = await parallel(() => upload(words(400_000)))
    expect(sent.filter(({ status }) => status === 201)).toHaveLength(2)
    expect((await limits()).disk).toEqual({ limitBytes: diskBytes, usedBytes: 800_000, unusedUploadBytes: 800_000 })
  })

  test('bytes of texts', async () => {
    const { models, limits } = await openWorkspace()
    const created = await parallel(() => models.createLanguageModel({ text: words(400_000) }))
    expect(created.filter(({ __typename }) => __typename === 'CreateLanguageModelSuccess')).toHaveLength(2)
    expect(created.filter(({ __typename }) => __typename === 'DiskQuotaExceededError')).toHaveLength(4 * limit - 2)
    expect((await limits()).disk).toMatchObject({ usedBytes: 800_000, unusedUploadBytes: 0 })
  })
})

describe('bytes on disk', () => {
  test('a content counts once, in uploads and models; deleting frees it', async () => {
    const { upload, models, limits, ask } = await openWorkspace()
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

  test('the same content in two workspaces counts for each', async () => {
    const [one, other] = [await openWorkspace(), await openWorkspace()]
    const text = words(200_000)
    for (const { upload, limits } of [one, other]) {
      expect(await upload(text)).toMatchObject({ status: 201 })
      expect((await limits()).disk.usedBytes).toBe(200_000)
    }
  })

  test('a refused upload says how much is used, the limit, and what to delete', async () => {
    const { upload } = await openWorkspace()
    const text = words(700_000)
    await upload(text)
    expect(await upload(words(700_000))).toMatchObject({
      status: 413,
      code: 'DISK_QUOTA_EXCEEDED',
      limitBytes: diskBytes,
      usedBytes: 700_000,
      unusedUploadBytes: 700_000,
      detail:
        'The workspace uses 0.7 MB for uploads and custom models. The limit is 1 MB, and this request needs 0.7 MB more. Delete uploads that no model uses (deleteUpload frees 0.7 MB), or models that are no longer needed (deleteModel), or ask the operator for a higher MAX_DISK_MB.',
    })
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

  test('an upload that says that it is too large is refused before its body comes, another one while it comes', async () => {
    const { key, upload, limits } = await openWorkspace()
    await upload(words(500_000))
    const expected = { status: 413, body: expect.objectContaining({ code: 'DISK_QUOTA_EXCEEDED', usedBytes: 500_000 }) }
    expect(await begin(key, { 'content-length': 600_000 }, 0)).toEqual(expected)
    // A chunked body that never ends.
    expect(await begin(key, {}, 600_000)).toEqual(expected)
    // The limit of one file still has its own code.
    expect((await begin(key, { 'content-length': 6_000_000 }, 0)).body.code).toBe('UPLOAD_TOO_LARGE')
    expect((await limits()).disk.usedBytes).toBe(500_000)
  })

  test('a workspace that is full creates no model, and is told so as data', async () => {
    const { upload, models } = await openWorkspace()
    expect(await upload(words(diskBytes))).toMatchObject({ status: 201 })
    const created = [
      await models.createLanguageModel({ text: 'one word' }),
      await models.createAcousticModel({ source: { httpsUrl: 'https://models.example/model.tgz' } }),
    ]
    for (const answer of created) expect(answer).toMatchObject({ __typename: 'DiskQuotaExceededError', code: 'DISK_QUOTA_EXCEEDED', path: null })
  })

  test('a model whose files do not fit is FAILED in words, and READY when there is room', async () => {
    const { id: workspaceId, models, upload, limits, ask } = await openWorkspace()
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
    // The files of the base model count for nobody.
    expect((await limits()).disk.usedBytes).toBe(400_008)
    expect(await readDiskUsage(store.db, workspaceId, [{ sha256: 'a'.repeat(64), size: 400_000 }])).toEqual({ bytes: 400_008, unusedUploadBytes: 0 })
  })
})

test('viewer.limits names every limit in one cheap query', async () => {
  const { ask } = await openWorkspace()
  const { data, errors } = await ask(`{ viewer { limits {
    pageSize operationCost operationDepth streamsPerKey subscriptionsPerSocket
    upload { bytes atOnce }
    speech { sessions sessionsPerKey sessionsPerDeployment shortAudioSeconds transcriptionSeconds transcriptionBytes }
    document { requestBytes socketMessageBytes selections aliases directives repeats introspectionFields introspectionDepth nodes }
    mutations { key { limit } workspace { limit } }
  } } }`)
  expect(errors).toBeUndefined()
  expect(data?.viewer.limits).toMatchObject({
    upload: { bytes: 5_000_000, atOnce: 8 },
    speech: {
      sessions: 500,
      sessionsPerKey: 500,
      sessionsPerDeployment: 500,
      shortAudioSeconds: 60,
      transcriptionSeconds: 900,
      transcriptionBytes: 26_214_400,
    },
    document: {
      requestBytes: 2_097_152,
      socketMessageBytes: 262_144,
      selections: 1000,
      aliases: 100,
      directives: 50,
      repeats: 20,
      introspectionDepth: 20,
      nodes: 100,
    },
    mutations: { key: { limit: 600 }, workspace: { limit: 1200 } },
  })
  expect(data?.viewer.limits.document.introspectionFields).toBeGreaterThan(1000)
})
