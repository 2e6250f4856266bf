import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openDecoders } from '../../src/audio/decoders.ts'
import { readTestRecordings } from '../../src/jobs/test-recordings.ts'
import { encodeReference } from '../support/encoded.ts'
import { makeZip } from '../support/models.ts'
import { makeDirectory } from '../support/postgres.ts'
import { referenceRecording } from '../support/service.ts'
import { samplesOf, wav } from '../support/wav.ts'

const decoders = openDecoders({ processes: 2 })
afterAll(() => decoders.close())

async function read(files: Record<string, Buffer>, by = decoders, texts: Record<string, string> = {}) {
  const dir = await makeDirectory()
  const path = join(await makeDirectory(), 'recordings.zip')
  const table = Object.keys(files).map((name) => `${name}\t${texts[name] ?? 'some words'}`)
  await writeFile(path, makeZip({ 'table.tsv': Buffer.from(table.join('\n')), ...files }))
  const found = await readTestRecordings(path, { dir, locale: 'en-US', decoders: by, signal: AbortSignal.timeout(30_000) })
  return Promise.all(found.map(async ({ name, text, read }) => ({ name, text, audio: await read() })))
}

const reference = referenceRecording()
const seconds = samplesOf(reference).length / 16_000

test('readTestRecordings reads the formats of endpoints', async () => {
  const { m4a, ogg, float } = await encodeReference({
    m4a: { container: 'ipod', codec: 'aac' },
    ogg: { container: 'ogg', codec: 'libopus', sampleRate: 48_000 },
    float: { container: 'wav', codec: 'pcm_f32le', sampleRate: 44_100 },
  })
  const unknownLength = wav(samplesOf(reference), { dataLength: 0xffffffff })
  const found = await read({ 'a.m4a': m4a, 'b.ogg': ogg, 'c.wav': float, 'd.wav': unknownLength, 'e.wav': reference })
  expect(found.map(({ name }) => name)).toEqual(['a.m4a', 'b.ogg', 'c.wav', 'd.wav', 'e.wav'])
  for (const { audio } of found) expect(Math.abs(audio.samples.length / 2 / audio.channels / audio.sampleRate - seconds)).toBeLessThan(0.1)
})

test.each<[string, Buffer, string]>([
  ['that is a PDF', Buffer.from('%PDF-1.7 and so on, for a while, as such files do'), 'This is a PDF'],
  ['whose header has too small a size', wav(samplesOf(reference), { dataLength: 32_000 }), 'has more sound than its WAV header announces'],
  ['whose header has too large a size', reference.subarray(0, 20_000), 'The header announces'],
  ['of more than a minute', wav(new Int16Array(61 * 16_000)), 'longer than 60 seconds'],
])('readTestRecordings refuses a recording %s and names it', async (_, file, reason) => {
  await expect(read({ 'a.wav': reference, 'b.wav': file })).rejects.toMatchObject({
    code: 'RECORDINGS_UNUSABLE',
    message: expect.stringMatching(new RegExp(`a recording that cannot be used: b\\.wav\\. .*${reason}`)),
  })
})

test.each([
  ['1,001 words', 'x '.repeat(1_001), /table\.tsv, whose line 2 has 1,001 words, but a transcript can have at most 1,000/],
  ['10,001 bytes', 'x'.repeat(10_001), /whose line 2 has more than 10000 bytes/],
  ['a NUL byte', 'a\0b', /whose line 2 contains control characters/],
  ['a second tab', 'a\tb', /whose line 2 is not the name of a file, a tab and a transcript/],
])('readTestRecordings refuses a transcript with %s and names the file and line', async (_, text, message) => {
  const files = { 'a.wav': reference, 'b.wav': reference }
  await expect(read(files, decoders, { 'b.wav': text })).rejects.toMatchObject({ code: 'RECORDINGS_UNUSABLE', message: expect.stringMatching(message) })
})

async function readManifest(files: Record<string, Buffer>, rows: object[]) {
  const path = join(await makeDirectory(), 'recordings.zip')
  await writeFile(path, makeZip({ 'manifest.jsonl': rows.map((row) => JSON.stringify(row)).join('\n'), ...files }))
  return readTestRecordings(path, {
    dir: await makeDirectory(),
    locale: 'en-US',
    decoders,
    signal: AbortSignal.timeout(30_000),
    limits: { minRecordings: 1, maxTotalSeconds: 60 },
  })
}

test('readTestRecordings refuses escaped control characters in a manifest and joins lines', async () => {
  const files = { 'a.wav': reference }
  const [recording] = await readManifest(files, [{ file: 'a.wav', text: 'two\nlines' }])
  expect(recording?.text).toBe('two lines')
  const rows = [
    { file: 'a.wav', text: 'a\0b' },
    { file: 'b\0.wav', text: 'words' },
    { file: 'c.wav', text: '\ud800 words' },
  ]
  await expect(readManifest(files, rows)).rejects.toMatchObject({
    code: 'RECORDINGS_UNUSABLE',
    problems: [1, 2, 3].map((line) => `Line ${line} of manifest.jsonl has control characters in its file name or transcript.`),
  })
})

test('readTestRecordings refuses a zip with control characters in a name', async () => {
  const refused = readManifest({ 'x/a\0.wav': reference, 'y/a\0.wav': reference }, [{ file: 'a.wav', text: 'words' }])
  await expect(refused).rejects.toMatchObject({ code: 'RECORDINGS_UNUSABLE', message: expect.stringMatching(/name contains control characters: entry 2/) })
})
