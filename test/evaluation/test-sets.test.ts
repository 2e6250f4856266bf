import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeReference } from '../support/encoded.ts'
import { cardRecordings, collect, openTestService, referenceRecording, type Service } from '../support/service.ts'
import { evaluationsOf } from './evaluations.ts'

let api: Service
let evaluations: ReturnType<typeof evaluationsOf>
beforeAll(async () => {
  api = await openTestService()
  evaluations = evaluationsOf(api)
})
afterAll(() => api?.close())

const endOf = async (id: string) => (await collect(evaluations.watchTestSet(id))).at(-1)?.['testSet']

test('a test set has the recordings of a zip in the order of its table', async () => {
  const recordings = cardRecordings()
  const testSet = await evaluations.importTestSet(recordings)
  expect(testSet).toMatchObject({ status: 'READY', isTerminal: true, progress: 1, itemCount: recordings.length, failure: null })
  expect(testSet['items'].nodes.map(({ transcript }: { transcript: string }) => transcript)).toEqual(recordings.map(({ text }) => text))
  expect(await evaluations.deleteTestSet(testSet['id'])).toMatchObject({ deletedId: testSet['id'] })
  expect(await evaluations.findTestSet(testSet['id'])).toBeNull()
  expect(await evaluations.deleteTestSet(testSet['id'])).toMatchObject({ code: 'TEST_SET_NOT_FOUND' })
})

test('a test set can be read from JSON Lines and from any format that endpoints take', async () => {
  const { m4a } = await encodeReference({ m4a: { container: 'ipod', codec: 'aac' } })
  const lines = [
    { audio_filepath: 'clips/a.wav', duration: 3.2, text: 'he might even have been made amiable himself' },
    { file: 'b.m4a', transcript: 'He might even have been made amiable himself.' },
  ]
  const manifest = lines.map((line) => JSON.stringify(line)).join('\n')
  const uploadId = await evaluations.uploadRecordings({ 'train_manifest.json': manifest, 'clips/a.wav': referenceRecording(), 'b.m4a': m4a })
  const { testSet } = await evaluations.createTestSet({ uploadId, description: 'Two recordings', idempotencyKey: 'jsonl' })
  expect(await endOf(testSet.id)).toMatchObject({ status: 'READY', itemCount: 2, words: 16, items: { nodes: [{ name: 'a.wav' }, { name: 'b.m4a' }] } })
  expect((await evaluations.createTestSet({ name: testSet.name, uploadId, description: 'Two recordings', idempotencyKey: 'jsonl' })).testSet.id).toBe(
    testSet.id,
  )
  expect(await evaluations.createTestSet({ name: testSet.name.toUpperCase(), uploadId })).toMatchObject({ code: 'DUPLICATE_TEST_SET_NAME' })
})

test('an import names every bad line and recording, and stores nothing', async () => {
  const table = ['a.wav\tsome words', 'b.wav', 'c.wav\tsome words', 'd.wav\tsome words', 'a.wav\tonce more'].join('\n')
  const uploadId = await evaluations.uploadRecordings({
    'table.tsv': table,
    'a.wav': referenceRecording(),
    'd.wav': Buffer.from('%PDF-1.7 and so on, for a while'),
  })
  const { testSet } = await evaluations.createTestSet({ uploadId })
  const failed = await endOf(testSet.id)
  expect(failed).toMatchObject({ status: 'FAILED', itemCount: 0, items: { totalCount: 0 }, failure: { code: 'RECORDINGS_UNUSABLE' } })
  expect(failed.failure.problems).toEqual([
    'Line 2 of table.tsv is not the name of a file, a tab and a transcript.',
    'Line 5 of table.tsv names a.wav a second time.',
    'Line 3 of table.tsv names c.wav, which the zip does not contain.',
    expect.stringMatching(/^d\.wav: This is a PDF/),
  ])
  const models = await evaluations.pair()
  expect(await evaluations.createEvaluation({ testSetId: testSet.id, ...models })).toMatchObject({ code: 'TEST_SET_NOT_READY' })
})

test('the audio of a recording can be played with a READ key, in ranges', async () => {
  const reference = referenceRecording()
  const testSet = await evaluations.importTestSet([{ wav: reference, text: 'one' }, ...cardRecordings().slice(0, 1)])
  const { audioUrl } = testSet['items'].nodes[0]
  const get = (headers: Record<string, string>, url = audioUrl) => fetch(url, { headers: { authorization: `Bearer ${api.key}`, ...headers } })
  const whole = await get({})
  expect([whole.status, whole.headers.get('content-type'), whole.headers.get('x-content-type-options')]).toEqual([200, 'audio/wav', 'nosniff'])
  expect(whole.headers.get('cache-control')).toMatch(/private/)
  const bytes = Buffer.from(await whole.arrayBuffer())
  expect(bytes.subarray(44)).toEqual(reference.subarray(44))
  for (const [range, from, to] of [
    ['bytes=0-9', 0, 10],
    ['bytes=40-59', 40, 60],
    ['bytes=100-', 100, bytes.length],
    ['bytes=-8', bytes.length - 8, bytes.length],
  ] as const) {
    const part = await get({ range })
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes ${from}-${to - 1}/${bytes.length}`])
    expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(from, to))
  }
  expect((await get({ range: `bytes=${bytes.length}-` })).status).toBe(416)
  expect((await get({ 'if-none-match': whole.headers.get('etag') ?? '' })).status).toBe(304)
  expect((await get({}, audioUrl.replace('/1/', '/99/'))).status).toBe(404)
  expect((await get({ authorization: 'Bearer wrong' })).status).toBe(401)
})

test('another workspace finds neither the test set nor its audio', async () => {
  const { data } = await api.ask('mutation { createWorkspace(input: { name: "Another" }) { ... on CreateWorkspaceSuccess { secret } } }')
  const key = data?.createWorkspace.secret
  const other = evaluationsOf({ ...api, ...api.as(key), key })
  const testSet = await evaluations.importTestSet(cardRecordings().slice(0, 1))
  expect(await other.findTestSet(testSet['id'])).toBeNull()
  expect(await other.deleteTestSet(testSet['id'])).toMatchObject({ code: 'TEST_SET_NOT_FOUND' })
  expect(await collect(other.watchTestSet(testSet['id']))).toMatchObject([{ code: 'TEST_SET_NOT_FOUND' }])
  expect(await other.createEvaluation({ testSetId: testSet['id'], ...(await other.pair()) })).toMatchObject({ code: 'TEST_SET_NOT_FOUND' })
  expect((await fetch(testSet['items'].nodes[0].audioUrl, { headers: { authorization: `Bearer ${key}` } })).status).toBe(404)
})

test('a key without MANAGE creates no test set', async () => {
  const { data } = await api.ask('mutation { createKey(input: { name: "Reader", scopes: [READ] }) { ... on CreateKeySuccess { secret } } }')
  const reader = evaluationsOf({ ...api, ...api.as(data?.createKey.secret) })
  expect(await reader.createTestSet({ uploadId: 'x' })).toMatchObject({ code: 'NOT_AUTHORIZED' })
})
