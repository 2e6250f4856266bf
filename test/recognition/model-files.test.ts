import { expect, test } from 'vitest'
import type { Artifacts } from '../../src/artifacts/store.ts'
import { ModelUnusableError } from '../../src/decoding/recognizer-model.ts'
import { JobFailure } from '../../src/lifecycle/job-failure.ts'
import { UnavailableError } from '../../src/postgres/unavailable.ts'
import { openRecognizerModel } from '../../src/recognition/model-files.ts'
import { silentLog } from '../support/recognizers.ts'

/** The error of opening a model whose files fail with this code, and the lines of the log. */
async function openFailing(code: string) {
  const lines: [details: object, message: string][] = []
  const log = { ...silentLog, error: (...line: [object, string]) => lines.push(line) } as never
  const artifacts = { open: () => Promise.reject(new JobFailure(code, 'The reason.', { isLasting: true })) } as Pick<Artifacts, 'open'> as Artifacts
  const open = () => openRecognizerModel(artifacts, { acousticModel: {}, languageModel: {} } as never, log).catch((error) => error)
  await open()
  return { error: await open(), lines }
}

test.each(['DISK_FULL', 'ARTIFACT_UNREADABLE', 'SOURCE_TOO_SLOW', 'SOURCE_FORBIDDEN'])('%s is a problem of the machine and not of the model', async (code) => {
  const { error, lines } = await openFailing(code)
  expect(error).toBeInstanceOf(UnavailableError)
  expect(error).toMatchObject({ unavailable: { code: 'SERVICE_UNAVAILABLE' }, cause: { code } })
  // Two failures, one line.
  expect(lines).toEqual([[{ reason: expect.objectContaining({ code }) }, 'model files cannot be opened on this machine']])
})

test.each(['ARTIFACT_MISSING', 'ARTIFACT_CHECKSUM_MISMATCH', 'ARTIFACT_SIZE_MISMATCH'])('%s makes the model unusable', async (code) => {
  const { error, lines } = await openFailing(code)
  expect(error).toBeInstanceOf(ModelUnusableError)
  expect(lines).toEqual([])
})
