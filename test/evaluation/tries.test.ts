// Failures of an evaluation that makes progress do not add up.
import { expect, test } from 'vitest'
import { openDecoders } from '../../src/audio/decoders.ts'
import { importTestSetHandler } from '../../src/jobs/import-test-set.ts'
import { runEvaluationHandler } from '../../src/jobs/run-evaluation.ts'
import { importTestSet, runEvaluation } from '../../src/lifecycle/job-definitions.ts'
import { RecognizerCrashedError } from '../../src/recognition/recognizer-errors.ts'
import type { Recognizers } from '../../src/recognition/recognizers-port.ts'
import { cardRecordings, openTestService } from '../support/service.ts'
import { until } from '../support/until.ts'
import { evaluationsOf } from './evaluations.ts'
import { openJobParts } from './in-process.ts'

test('an evaluation survives more failures than it has tries while it makes progress', { timeout: 120_000 }, async () => {
  const api = await openTestService({ ROLES: 'api,speech' })
  const evaluations = evaluationsOf(api)
  const parts = await openJobParts(api.databaseUrl)
  const decoders = openDecoders({ processes: 1 })
  await parts.store.queue.work(importTestSet, 1, importTestSetHandler({ ...parts, decoders }))
  const [one] = cardRecordings()
  const testSet = await evaluations.importTestSet(Array.from({ length: 8 }, () => one as { wav: Buffer; text: string }))
  let calls = 0
  const recognize: Recognizers['recognize'] = async () => {
    if (calls++ % 2) throw new RecognizerCrashedError()
    return { status: 'NO_MATCH', phrases: [], heard: 0, elapsedMs: 1 }
  }
  await parts.store.queue.work(runEvaluation, 1, runEvaluationHandler({ ...parts, recognizers: { ...parts.recognizers, recognize } }))
  const { evaluation } = await evaluations.createEvaluation({ testSetId: testSet['id'], ...(await evaluations.pair()) })
  await until(async () => (await evaluations.findEvaluation(evaluation.id))['isTerminal'], 60_000)
  expect(await evaluations.findEvaluation(evaluation.id)).toMatchObject({ status: 'COMPLETE', result: { utterances: 8 } })
  expect(calls).toBe(15)
  await decoders.close()
  await parts.close()
  await api.close()
})
