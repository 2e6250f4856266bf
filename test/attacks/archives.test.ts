// Small files that need much work. The server refuses each with a reason and continues to answer other requests.
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { figure } from '../faults/figure.ts'
import { makeZip, modelsOf } from '../support/models.ts'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { start } from '../support/program.ts'
import { collect, referenceRecording } from '../support/service.ts'
import { wav } from '../support/wav.ts'
import { overlappingZip, tarOfZeros } from './archive-bombs.ts'
import { watchEventLoop } from './event-loop.ts'

let models: ReturnType<typeof modelsOf>
let readLoop: ReturnType<typeof watchEventLoop>['readLoop']
const finished: (() => unknown)[] = []

beforeAll(async () => {
  const database = await cloneDatabase(inject('postgresUrl'))
  finished.push(database.drop)
  const directory = await makeDirectory()
  const loop = watchEventLoop(directory)
  const settings = {
    DATABASE_URL: database.url,
    DATA_DIR: join(directory, 'data'),
    MAX_UPLOAD_MB: '60',
    LOG_LEVEL: 'silent',
    ...loop.settings,
  }
  const server = await start(settings, (end) => void finished.push(end as () => unknown))
  models = modelsOf({ ...server, localUrl: server.url })
  readLoop = loop.readLoop
  // The first build loads and compiles code, which the attacks must not count.
  await train({ text: 'a game of cards' }, makeZip({ 'a.tsv': 'a.wav\ta word\nb.wav\ta word', 'a.wav': referenceRecording(), 'b.wav': referenceRecording() }))
})
afterAll(async () => {
  for (const end of finished.reverse()) await end()
})

/** Builds a model, optionally with recordings; returns the finished model. */
async function train(input: object, zip?: Buffer<ArrayBuffer>) {
  const recordings = zip && ((await (await models.upload('recordings', zip)).json()) as { id: string })
  const { model } = await models.createLanguageModel({ ...input, ...(recordings && { recordingsUploadId: recordings.id }) })
  await collect(models.watch(model.id))
  return models.find(model.id)
}

/** Checks the event loop and the memory of the server during an action. */
async function watched<T>(name: string, bytes: number, act: () => Promise<T>, maxBusyMs = 50): Promise<T> {
  await readLoop()
  const started = performance.now()
  const value = await act()
  const seconds = (performance.now() - started) / 1000
  const { p99, max, busy, memoryMb } = await readLoop()
  figure(name, {
    kB: bytes / 1000,
    'until the end in s': seconds,
    'loop p99 in ms': p99,
    max,
    'longest processor time of the loop in ms': busy,
    'memory in MB': memoryMb,
  })
  // The delay by the clock also contains other work of the machine.
  expect(busy).toBeLessThan(maxBusyMs)
  expect(memoryMb).toBeLessThan(600)
  return value
}

const silence = (seconds: number) => wav(new Int16Array(16_000 * seconds))
const short = { 'a.wav': silence(1), 'b.wav': silence(1) }
const zeros = Buffer.alloc(19_000_000)

test.each<[string, () => Buffer<ArrayBuffer>, RegExp]>([
  ['a transcript of 9 million words', () => makeZip({ ...short, 't.tsv': `a.wav\t${'x '.repeat(9_000_000)}\nb.wav\tx` }), /line 1 has more than 10000 bytes/],
  [
    'two long transcripts of different words',
    () => makeZip({ 'a.wav': silence(37), 'b.wav': silence(37), 't.tsv': `a.wav\t${manyWords(1_200_000)}\nb.wav\t${manyWords(1_200_000)}` }),
    /line 1 has more than 10000 bytes/,
  ],
  [
    'a transcript of short words',
    () => makeZip({ ...short, 't.tsv': `a.wav\tx\nb.wav\t${'x '.repeat(4_900)}` }),
    /t\.tsv, whose line 2 has 4,900 words, .* at most 1,000/,
  ],
  ['a transcript of long numbers', () => makeZip({ ...short, 't.tsv': `a.wav\t${'777777 '.repeat(1_400)}\nb.wav\tx` }), /line 1 has [\d,]+ words/],
  ['one recording in many lines', () => makeZip({ ...short, 't.tsv': 'a.wav\tx\n'.repeat(1_000_000) }), /line 2 names a\.wav a second time/],
  ['a transcript with NUL bytes', () => makeZip({ ...short, 't.tsv': `a.wav\tx\nb.wav\ta${'\0'.repeat(1000)}` }), /line 2 contains control characters/],
  ['recordings of zeros', () => makeZip({ ...Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`${n}.wav`, zeros])) }), /unpacks to more than 20 MB/],
  ['a zip within a zip', () => makeZip({ ...short, 'a.wav': makeZip({ 'b.wav': zeros }), 't.tsv': 'a.wav\tx\nb.wav\tx' }), /cannot be used: a\.wav/],
  ['overlapping entries', () => overlappingZip(zeros, 1_999, (n) => `${n}.wav`), /unpacks to more than 20 MB/],
  ['a million entries', () => overlappingZip(Buffer.from('x'), 1_000_000, (n) => `${n}.txt`), /more than 2000 entries/],
  ['a long name', () => overlappingZip(Buffer.from('x'), 3, () => 'x'.repeat(60_000)), /name has more than 255 bytes: entry 1/],
])('a zip of %s is refused', { timeout: 120_000 }, async (name, make, reason) => {
  const zip = make()
  const { status, failure } = await watched(name, zip.length, () => train({ text: 'a game of cards' }, zip))
  expect({ status, ...failure }).toMatchObject({ status: 'FAILED', stage: 'EVALUATING', code: 'RECORDINGS_UNUSABLE', message: expect.stringMatching(reason) })
})

test.each<[string, () => Buffer, RegExp]>([
  ['100,000 entries', () => tarOfZeros(100_000, 0), /unpacks|more than 10000 entries/],
  ['60 MB of zeros', () => tarOfZeros(60, 1_000_000), /unpacks to more than 20 MB/],
  ['a file of 8 GB by its header', () => tarOfZeros(1, 0).fill('77777777777', 124, 135), /is damaged|unpacks/],
])('an archive of %s is refused', { timeout: 120_000 }, async (name, make, reason) => {
  const archive = gzipSync(make())
  const found = await watched(name, archive.length, async () => {
    const { id } = (await (await models.upload('acoustic-model', archive)).json()) as { id: string }
    const { model } = await models.createAcousticModel({ source: { uploadId: id } })
    await collect(models.watch(model.id))
    return models.find(model.id)
  })
  expect(found).toMatchObject({ status: 'FAILED', failure: { code: 'ARCHIVE_UNUSABLE', message: expect.stringMatching(reason) } })
})

test.each<[string, () => Buffer, RegExp]>([
  ['one line of 50 MB', () => Buffer.alloc(50_000_000, 'word '), /line 1 has more than 10000 bytes/],
  ['50 MB of one letter, packed', () => gzipSync(Buffer.alloc(50_000_000, 'a\n')), /unpacks to more than 20 MB.*at line [\d]+/],
  ['too many lines', () => Buffer.alloc(2 * 10_000_001, 'a\n'), /line 10000001 exceeds the limit/],
  ['NUL bytes', () => Buffer.alloc(50_000_000, '\0\n'), /line 1 contains control characters/],
])('a text of %s is refused', { timeout: 120_000 }, async (name, make, reason) => {
  const text = make()
  const answer = await watched(name, text.length, async () => (await models.upload('text', text as Buffer<ArrayBuffer>)).json())
  expect(answer).toMatchObject({ code: 'TEXT_UNUSABLE', detail: expect.stringMatching(reason) })
})

const manyWords = (count: number) =>
  Array.from({ length: count }, (_, n) => `w${n.toString(36).replace(/\d/g, (digit) => 'ghijklmnop'[Number(digit)] ?? '')}`).join(' ')

test.each<[string, () => Buffer, object]>([
  ['one word, nine million times', () => Buffer.alloc(18_000_000, 'a\n'), { words: 9_000_000, vocabulary: 1 }],
  ['two million different words', () => Buffer.from(manyWords(2_000_000).replace(/((?:\S+ ){20})/g, '$1\n')), {}],
])('a text of %s is learned', { timeout: 300_000 }, async (name, make, statistics) => {
  const text = make()
  const found = await watched(name, text.length, async () => {
    const { id } = (await (await models.upload('text', text as Buffer<ArrayBuffer>)).json()) as { id: string }
    return train({ uploadId: id })
  })
  expect(found).toMatchObject({ status: 'READY', statistics })
})

test('a mutation with a megabyte of text does not block the event loop', { timeout: 120_000 }, async () => {
  const text = 'a\n'.repeat(499_999)
  // The parser of a megabyte of JSON needs most of the longest time.
  const found = await watched('a mutation with 500,000 lines', text.length, () => train({ text }), 200)
  expect(found).toMatchObject({ status: 'READY' })
})
