import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { storedFile } from '../artifacts/source.ts'
import type { Artifacts } from '../artifacts/store.ts'
import type { Decoders } from '../audio/decoders.ts'
import { toComparedWords } from '../decoding/word-errors.ts'
import type { Service } from '../domain/context.ts'
import { checkDisk } from '../domain/disk-usage.ts'
import type { DiskQuotaExceededError } from '../domain/errors.ts'
import { findTestSetToImport, insertTestItems, receiveSamples } from '../evaluation/test-set-import.ts'
import { importing, type TestSetChange, testSetLifecycle, testSetTopic } from '../evaluation/test-set-lifecycle.ts'
import { inTurns } from '../evaluation/turns.ts'
import type { ImportingPayload } from '../lifecycle/job-definitions.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { Tx } from '../postgres/client.ts'
import type { TestSetRow, TestSetStage } from '../postgres/evaluation/evaluation-tables.ts'
import type { Handler } from '../postgres/queue.ts'
import { claimedHandler } from './claimed-job.ts'
import { type JobRun, RunEndedError } from './job-run.ts'
import { countRecordings } from './recordings-limits.ts'
import { type RecordingsLimits, readTestRecordings, type TestRecording } from './test-recordings.ts'

interface Importing extends Service {
  artifacts: Artifacts
  decoders: Decoders
}

const limits: RecordingsLimits = { minRecordings: 1, maxTotalSeconds: 4 * 3600 }

//   QUEUED ─▶ READING ─▶ STORING ─▶ READY
//                └──────────┴──▶ FAILED; or again in another worker, when this one crashes or stops
export function importTestSetHandler(service: Importing): Handler<ImportingPayload> {
  const job = {
    key: 'testSetId',
    claims: importing,
    lifecycle: testSetLifecycle,
    topicOf: testSetTopic,
    atWork: 'IMPORTING',
    stageBegins: { READING: 0, STORING: 0.8 },
    interrupted: {
      code: 'IMPORT_INTERRUPTED',
      message: 'The workers of this import were interrupted too often. Create the test set again. If it fails again, read the log of the server.',
    },
    async also(tx: Tx, row: TestSetRow, { recordings }: TestSetChange) {
      if (!recordings) return
      refuse(await checkDisk(tx, service.limits, row.workspaceId, 0))
      await insertTestItems(tx, row, recordings)
    },
  } as const
  return claimedHandler(service, job, async (steps, { testSetId }) => {
    const testSet = await findTestSetToImport(service, testSetId)
    if (!testSet?.source) throw new RunEndedError()
    const dir = await mkdtemp(join(tmpdir(), 'custom-speech-import-'))
    try {
      await importRecordings(service, steps, testSet, dir)
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  })
}

function refuse(full: DiskQuotaExceededError | undefined) {
  if (full) throw new JobFailure(full.code, `The recordings were read, but their samples exceed the disk quota. ${full.message}`, { isLasting: true })
}

async function importRecordings(service: Importing, steps: JobRun<TestSetStage, TestSetChange>, testSet: TestSetRow, dir: string) {
  const { artifacts, decoders } = service
  const { source, locale } = testSet
  if (!source) throw new RunEndedError()
  await steps.enter('READING', 'Reading the recordings and their transcripts.')
  const { file: zip = '' } = await artifacts.fetch({ files: [storedFile('file', source)] }, { signal: steps.signal })
  const unpacked = join(dir, 'recordings')
  await mkdir(unpacked)
  const recordings = await readTestRecordings(zip, { dir: unpacked, locale, decoders, signal: steps.signal, limits })
  await steps.enter('STORING', `Storing ${countRecordings(recordings.length)}.`)
  const audio = await artifacts.keep(
    (path) => joinSamples(recordings, path, steps.signal),
    async (file) => refuse(await receiveSamples(service, testSet, file)),
  )
  let byteOffset = 0
  const items = recordings.map(({ name, text, sampleRate, bytes }, n) => {
    const item = { number: n + 1, name, transcript: text, sampleRate, byteOffset, byteLength: bytes }
    byteOffset += bytes
    return item
  })
  const seconds = recordings.reduce((sum, { bytes, sampleRate }) => sum + bytes / 2 / sampleRate, 0)
  let words = 0
  for await (const { text } of inTurns(recordings)) words += toComparedWords(text, locale).length
  const message = `Ready: ${countRecordings(items.length)} with ${words.toLocaleString('en')} words.`
  await steps.record({ status: 'READY', message, progress: 1, made: { audio, items: items.length, seconds, words }, recordings: items })
}

/** Writes the samples of all recordings to one file. */
async function joinSamples(recordings: readonly TestRecording[], target: string, signal: AbortSignal): Promise<void> {
  const samples = async function* () {
    for (const { path } of recordings) yield* createReadStream(path)
  }
  await pipeline(samples, createWriteStream(target), { signal })
}
