import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFileStore } from '../../src/artifacts/file-store.ts'
import { enforceEvaluationDeadlines } from '../../src/evaluation/deadlines.ts'
import { runGate } from '../../src/jobs/run-gate.ts'
import { tidyRecords } from '../../src/jobs/tidy-records.ts'
import { cardRecordings, collect, openTestService, type Service, uuidOf } from '../support/service.ts'
import { wav } from '../support/wav.ts'
import { evaluationsOf } from './evaluations.ts'
import { openJobParts } from './in-process.ts'

let api: Service
let sql: postgres.Sql
let service: Awaited<ReturnType<typeof openJobParts>>
let evaluations: ReturnType<typeof evaluationsOf>
let testSet: Record<string, any>
beforeAll(async () => {
  api = await openTestService({ MAX_DISK_MB: '10' })
  sql = postgres(api.databaseUrl, { max: 1, onnotice: () => {} })
  service = await openJobParts(api.databaseUrl)
  evaluations = evaluationsOf(api)
  testSet = await evaluations.importTestSet(cardRecordings().slice(0, 2))
}, 120_000)
afterAll(async () => {
  await service?.close()
  await sql?.end()
  await api?.close()
})

const endOf = async (id: string) => (await collect(evaluations.watchTestSet(id))).at(-1)?.['testSet']
const readDisk = async () =>
  (await api.ask('{ viewer { limits { disk { usedBytes } testSets { used limit } evaluations { used limit } } } }')).data?.viewer.limits

test('the samples of a test set count against the disk quota, and the file stays as long as the test set', async () => {
  const [row] = await sql`select audio from test_sets where id = ${uuidOf(testSet['id'])}`
  const { sha256, size } = row?.['audio'] ?? {}
  await sql`delete from uploads`
  expect((await readDisk()).disk.usedBytes).toBe(size)
  await sql`update stored_files set stored_at = now() - interval '3 days'`
  const files = createFileStore(service.store)
  await files.removeUnneeded(new AbortController().signal)
  expect(await sql`select from stored_files where sha256 = ${sha256}`).toHaveLength(1)

  const other = await evaluations.importTestSet(cardRecordings().slice(2, 3))
  await sql`delete from uploads`
  expect((await readDisk()).disk.usedBytes).toBeGreaterThan(size)
  await evaluations.deleteTestSet(other['id'])
  expect((await readDisk()).disk.usedBytes).toBe(size)
  await sql`update stored_files set stored_at = now() - interval '3 days'`
  await files.removeUnneeded(new AbortController().signal)
  expect((await sql`select sha256 from stored_files`).map((file) => file['sha256'])).toContain(sha256)
  expect(await sql`select from stored_files`).toHaveLength(1)
})

test('an import whose samples exceed the disk quota fails and stores nothing', async () => {
  // Silence packs well: a small zip has 13 MB of samples.
  const silence = wav(new Int16Array(50 * 16_000))
  const names = Array.from({ length: 8 }, (_, n) => `${n}.wav`)
  const table = names.map((name) => `${name}\tsome words`).join('\n')
  const uploadId = await evaluations.uploadRecordings({ 'table.tsv': table, ...Object.fromEntries(names.map((name) => [name, silence])) })
  const before = await sql`select from stored_files`
  const { testSet: large } = await evaluations.createTestSet({ uploadId })
  expect(await endOf(large.id)).toMatchObject({
    status: 'FAILED',
    failure: { code: 'DISK_QUOTA_EXCEEDED', message: expect.stringMatching(/samples exceed the disk quota.*MAX_DISK_MB/) },
  })
  expect(await sql`select from stored_files`).toHaveLength(before.length)
  await evaluations.deleteTestSet(large.id)
})

test('an import names 50 problems at most, and a recording without samples is one', async () => {
  const lines = Array.from({ length: 80 }, (_, n) => `${n}.wav\tsome words`)
  const uploadId = await evaluations.uploadRecordings({ 'table.tsv': lines.join('\n') })
  const { testSet: bad } = await evaluations.createTestSet({ uploadId })
  const { failure } = await endOf(bad.id)
  expect(failure.problems).toHaveLength(51)
  expect(failure.problems.at(-1)).toBe('The rest of the file was not checked.')

  const empty = await evaluations.uploadRecordings({ 'table.tsv': 'a.wav\tsome words', 'a.wav': wav(new Int16Array(0)) })
  const { testSet: silent } = await evaluations.createTestSet({ uploadId: empty })
  expect((await endOf(silent.id)).failure.problems).toEqual([expect.stringMatching(/^a\.wav: /)])
})

test('an evaluation whose model was deleted fails and says so', { timeout: 120_000 }, async () => {
  const { acousticModelId } = await evaluations.pair()
  const { model } = await evaluations.models.createLanguageModel({ text: 'some words' })
  await collect(evaluations.models.watch(model.id))
  const { evaluation } = await evaluations.createEvaluation({ testSetId: testSet['id'], acousticModelId, languageModelId: model.id })
  await collect(evaluations.watchEvaluation(evaluation.id))
  await evaluations.models.delete(model.id)
  expect(await evaluations.findEvaluation(evaluation.id)).toMatchObject({ status: 'COMPLETE', languageModel: null })
  const models = { acousticModelId: uuidOf(acousticModelId), languageModelId: uuidOf(model.id), deploymentId: crypto.randomUUID(), revision: 2 }
  const [owner] = await sql`select workspace_id from test_sets limit 1`
  await evaluations.deleteEvaluation(evaluation.id)
  const gate = { testSetId: uuidOf(testSet['id']), maxWordErrorRate: 1 }
  const judged = runGate(service, { workspaceId: owner?.['workspace_id'], gate, candidate: models }, { signal: AbortSignal.timeout(30_000), tell: () => {} })
  await expect(judged).rejects.toMatchObject({ code: 'MODEL_DELETED', isLasting: true })
  const [failed] = await sql`select status, failure from evaluations where revision = 2`
  expect(failed).toMatchObject({ status: 'FAILED', failure: { code: 'MODEL_DELETED' } })
})

test('an evaluation reports that it waits for capacity', { timeout: 120_000 }, async () => {
  const [owner] = await sql`select workspace_id from test_sets limit 1`
  const { acousticModelId, languageModelId } = await evaluations.pair()
  const models = { acousticModelId: uuidOf(acousticModelId), languageModelId: uuidOf(languageModelId), deploymentId: crypto.randomUUID(), revision: 1 }
  const told = Promise.withResolvers<string>()
  const busy = {
    ...service,
    recognizers: {
      ...service.recognizers,
      async recognize(...[request, signal]: Parameters<typeof service.recognizers.recognize>) {
        await told.promise
        return service.recognizers.recognize(request, signal)
      },
    },
  }
  const gate = { testSetId: uuidOf(testSet['id']) }
  const tell = (_: number, message: string) => message.includes('Waiting') && told.resolve(message)
  const judged = runGate(busy, { workspaceId: owner?.['workspace_id'], gate, candidate: models }, { signal: AbortSignal.timeout(100_000), tell })
  expect(await told.promise).toBe('Recognizing recordings: 0 of 2. Waiting for capacity that clients leave.')
  expect(await judged).toMatchObject({ passes: true })
})

test('test sets and evaluations past their deadline fail', async () => {
  const [owner] = await sql`select workspace_id from test_sets limit 1`
  await sql`insert into test_sets (workspace_id, name, description, locale, status, message, deadline_at) values (${owner?.['workspace_id']}, 'Late', '', 'en-US', 'QUEUED', '', now())`
  await sql`insert into evaluations (workspace_id, test_set_id, acoustic_model_id, language_model_id, status, message, deadline_at, revision)
    select workspace_id, id, uuidv7(), uuidv7(), 'RUNNING', '', now(), 99 from test_sets where name = 'Late'`
  await enforceEvaluationDeadlines(service)
  expect((await sql`select status, failure from test_sets where name = 'Late'`)[0]).toMatchObject({ status: 'FAILED', failure: { code: 'DEADLINE_EXCEEDED' } })
  expect((await sql`select status, failure from evaluations where revision = 99`)[0]).toMatchObject({
    status: 'FAILED',
    failure: { code: 'DEADLINE_EXCEEDED' },
  })
})

test('a workspace has at most 50 unfinished evaluations and keeps 200 ended ones', async () => {
  const [owner] = await sql`select workspace_id, id from test_sets where status = 'READY' limit 1`
  const add = (status: string, count: number) => sql`insert into evaluations (workspace_id, test_set_id, acoustic_model_id, language_model_id, status, message)
    select ${owner?.['workspace_id']}, ${owner?.['id']}, uuidv7(), uuidv7(), ${status}::evaluation_status, '' from generate_series(1, ${count}::int)`
  await add('COMPLETE', 250)
  await add('RUNNING', 49)
  const wanted = { testSetId: testSet['id'], ...(await evaluations.pair()) }
  const made = await evaluations.createEvaluation({ ...wanted, idempotencyKey: 'the-last' })
  const { evaluation } = made
  expect(evaluation, made['message']).toMatchObject({ status: 'QUEUED' })
  expect((await sql`select count(*)::int from evaluations where status not in ('QUEUED', 'RUNNING')`)[0]?.['count']).toBe(200)
  expect(await evaluations.createEvaluation(wanted)).toMatchObject({ code: 'QUOTA_EXCEEDED' })
  expect((await readDisk()).evaluations).toEqual({ used: 50, limit: 50 })
  expect(await evaluations.deleteTestSet(testSet['id'])).toMatchObject({ code: 'TEST_SET_IN_USE' })
  await sql`update evaluations set status = 'CANCELED' where job_id is null`
  await collect(evaluations.watchEvaluation(evaluation.id))
  await evaluations.deleteEvaluation(evaluation.id)
  expect(await evaluations.createEvaluation({ ...wanted, idempotencyKey: 'the-last' })).toMatchObject({
    code: 'IDEMPOTENCY_CONFLICT',
    message: expect.stringMatching(/created an evaluation that was deleted/),
  })
  await tidyRecords(service)
})
