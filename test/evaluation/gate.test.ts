import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EvaluatedItem } from '../../src/evaluation/evaluation.ts'
import { judgeGate } from '../../src/evaluation/gate.ts'
import { cancelGateEvaluations } from '../../src/evaluation/gate-evaluation.ts'
import { runGate } from '../../src/jobs/run-gate.ts'
import { changeWorkspace } from '../../src/lifecycle/workspace-lock.ts'
import { cardRecordings, openTestService, type Service } from '../support/service.ts'
import { evaluationsOf } from './evaluations.ts'
import { openJobParts } from './in-process.ts'

const heard = (errors: readonly number[]) =>
  errors.map((deletions, n) => ({ number: n + 1, words: 10, substitutions: 0, insertions: 0, deletions, item: { name: `${n + 1}.wav` } }) as EvaluatedItem)

describe('judgeGate', () => {
  const before = heard([1, 0, 1, 0, 2, 0, 0, 1, 0, 1])
  const better = heard([0, 0, 1, 0, 1, 0, 0, 1, 0, 0])
  const worse = heard([1, 3, 1, 2, 2, 0, 0, 2, 0, 1])
  const testSetId = 'set'

  test('passes new models that keep all conditions, with the figures', () => {
    const verdict = judgeGate({ testSetId, maxWordErrorRate: 0.05, maxIncrease: 0, minConfidence: 0.9 }, better, before)
    expect(verdict).toMatchObject({ passes: true, wordErrorRate: 0.03, wordErrorRateBefore: 0.06 })
    expect(verdict.message).toBe('The word error rate on the test set is 3.0 %, that of the present models is 6.0 %.')
    expect(verdict.confidence).toBeGreaterThan(0.95)
    expect(judgeGate({ testSetId }, worse, before)).toMatchObject({ passes: true })
    // In binary, 0.06 - 0.05 is more than 0.01.
    expect(judgeGate({ testSetId, maxIncrease: 0.01 }, heard([6, ...Array(9).fill(0)]), heard([5, ...Array(9).fill(0)]))).toMatchObject({ passes: true })
  })

  test.each([
    [{ maxWordErrorRate: 0.1 }, /rate on the test set is 12\.0 %.*it exceeds the limit of 10\.0 %/],
    [{ maxIncrease: 0.01 }, /exceeds that of the present models by 6\.0 %, and the limit is 1\.0 %/],
    [
      { maxIncrease: 0.07, minConfidence: 0.95 },
      /the confidence that it is at most 7\.0 % higher than that of the present models is \d+\.\d %, and 95\.0 % is required/,
    ],
  ])('refuses worse models by %j with figures and recordings', (conditions, message) => {
    expect(judgeGate({ testSetId, ...conditions }, worse, before)).toMatchObject({
      passes: false,
      code: 'GATE_NOT_PASSED',
      message: expect.stringMatching(message),
      utterances: [
        { number: 2, name: '2.wav', errors: 3, errorsBefore: 0 },
        { number: 4, errors: 2, errorsBefore: 0 },
        { number: 8, errors: 2, errorsBefore: 1 },
        expect.anything(),
        expect.anything(),
        expect.anything(),
        expect.anything(),
      ],
    })
  })

  test('judges the word error rate alone without present models', () => {
    expect(judgeGate({ testSetId, maxIncrease: 0, minConfidence: 0.99 }, worse)).toMatchObject({ passes: true, wordErrorRateBefore: null, confidence: null })
    const refused = judgeGate({ testSetId, maxWordErrorRate: 0.1 }, worse)
    expect(refused).toMatchObject({ passes: false, message: expect.stringMatching(/Listen to 2\.wav, /) })
  })
})

describe('runGate', () => {
  let api: Service
  let evaluations: ReturnType<typeof evaluationsOf>
  let service: Awaited<ReturnType<typeof openJobParts>>
  beforeAll(async () => {
    api = await openTestService()
    evaluations = evaluationsOf(api)
    service = await openJobParts(api.databaseUrl)
  }, 120_000)
  afterAll(async () => {
    await service?.close()
    await api?.close()
  })

  test('a gate evaluates new and present models, once each', { timeout: 240_000 }, async () => {
    const testSet = await evaluations.importTestSet(cardRecordings().slice(0, 4))
    const { deployment } = await api.deploy('CONVERSATIONAL')
    const decode = (id: string) => Buffer.from(id, 'base64').toString().split(':')[1] as string
    const models = async (scenario: string) => {
      const { acousticModelId, languageModelId } = await evaluations.pair(scenario)
      return { acousticModelId: decode(acousticModelId), languageModelId: decode(languageModelId), deploymentId: decode(deployment.id), revision: null }
    }
    const { data } = await api.ask('{ viewer { workspace { id } } }')
    const gate = { testSetId: decode(testSet['id']), maxWordErrorRate: 0.01 }
    const wanted = {
      workspaceId: decode(data?.viewer.workspace.id),
      gate,
      candidate: await models('CONVERSATIONAL'),
      baseline: await models('SEARCH_AND_DICTATION'),
    }
    const told: number[] = []
    const progress = { signal: AbortSignal.timeout(200_000), tell: (share: number) => void told.push(share) }
    const judged = await runGate(service, wanted, progress)
    expect(judged).toMatchObject({ passes: false, code: 'GATE_NOT_PASSED', wordErrorRateBefore: expect.any(Number) })
    expect(told).toEqual(told.toSorted((a, b) => a - b))
    const list = async () =>
      (
        await api.ask('query ($id: ID!) { evaluations(where: { deploymentId: $id }) { nodes { id status revision result { wordErrorRate } } } }', {
          id: deployment.id,
        })
      ).data?.evaluations.nodes
    const made = await list()
    expect(made).toHaveLength(2)
    expect(made[0]).toMatchObject({ status: 'COMPLETE', result: { wordErrorRate: judged.wordErrorRate } })
    expect(decode(made[0].id)).toBe(judged.evaluationId)
    expect(await runGate(service, wanted, progress)).toEqual(judged)
    expect(await list()).toEqual(made)

    const aborted = new AbortController()
    const other = {
      ...wanted,
      candidate: { ...wanted.candidate, acousticModelId: wanted.baseline.acousticModelId, languageModelId: wanted.baseline.languageModelId },
    }
    await api.ask('mutation ($id: ID!) { deleteEvaluation(id: $id) { __typename } }', { id: made[1].id })
    const stopped = runGate(
      service,
      { ...other, baseline: undefined },
      { signal: aborted.signal, tell: (share) => share > 0.2 && aborted.abort(new Error('stopped')) },
    )
    await expect(stopped).rejects.toThrow('stopped')
    const unfinished = (await list()).find(({ status }: { status: string }) => status === 'RUNNING')
    const before = (await evaluations.findEvaluation(unfinished.id))['items'].nodes
    expect(before.length).toBeGreaterThan(0)
    expect(await runGate(service, { ...other, baseline: undefined }, progress)).toMatchObject({ wordErrorRate: expect.any(Number) })
    const after = await evaluations.findEvaluation(unfinished.id)
    expect(after).toMatchObject({ status: 'COMPLETE' })
    // The recordings of the first run are not recognized again.
    expect(after['items'].nodes).toEqual(expect.arrayContaining(before))

    // A gate that is no longer needed leaves no unfinished evaluation.
    await evaluations.deleteEvaluation(after['id'])
    const again = new AbortController()
    const left = runGate(
      service,
      { ...other, baseline: undefined },
      { signal: again.signal, tell: (share) => share > 0.1 && again.abort(new Error('stopped')) },
    )
    await expect(left).rejects.toThrow('stopped')
    const { workspaceId } = wanted
    const { deploymentId } = other.candidate
    await changeWorkspace(service.store.db, workspaceId, (tx) => cancelGateEvaluations(tx, { workspaceId, deploymentId }))
    expect((await list()).map(({ status }: { status: string }) => status)).toEqual(['CANCELED', 'COMPLETE'])

    await evaluations.deleteTestSet(testSet['id'])
    await expect(runGate(service, wanted, progress)).rejects.toMatchObject({ code: 'TEST_SET_MISSING', isLasting: true })
  })
})
