import { afterAll, beforeAll, expect, test } from 'vitest'
import { pairOf, revisionsOf } from '../revisions/client.ts'
import { cardRecordings, collect, librivoxRecordings, openTestService, type Service } from '../support/service.ts'
import { evaluationsOf } from './evaluations.ts'

let api: Service
let evaluations: ReturnType<typeof evaluationsOf>
let testSet: Record<string, any>
beforeAll(async () => {
  api = await openTestService()
  evaluations = evaluationsOf(api)
  testSet = await evaluations.importTestSet(cardRecordings())
}, 120_000)
afterAll(() => api?.close())

test('an evaluation reports its states and ends with the word errors of each recording', { timeout: 120_000 }, async () => {
  const models = await evaluations.pair('CONVERSATIONAL')
  const { evaluation } = await evaluations.createEvaluation({ testSetId: testSet['id'], ...models, idempotencyKey: 'one' })
  expect(evaluation).toMatchObject({ status: 'QUEUED', progress: 0, result: null, testSet: { id: testSet['id'] }, deployment: null, revision: null })
  expect((await evaluations.createEvaluation({ testSetId: testSet['id'], ...models, idempotencyKey: 'one' }))['evaluation'].id).toBe(evaluation.id)
  const states = (await collect(evaluations.watchEvaluation(evaluation.id))).map((change) => change['evaluation'])
  expect(states.at(-1)).toMatchObject({ status: 'COMPLETE', progress: 1, isTerminal: true })
  const order = ['QUEUED', 'RUNNING', 'COMPLETE']
  const statuses = states.map(({ status }) => order.indexOf(status))
  expect(statuses).toEqual(statuses.toSorted())
  const progress = states.map((state) => state.progress)
  expect(progress).toEqual(progress.toSorted((a, b) => a - b))

  const { result, items } = await evaluations.findEvaluation(evaluation.id)
  const all = items.nodes as Record<string, any>[]
  expect(items.totalCount).toBe(testSet['itemCount'])
  const total = (of: string) => all.reduce((sum, item) => sum + item[of], 0)
  expect(result).toMatchObject({ utterances: all.length, words: total('words'), errors: total('errors'), substitutions: total('substitutions') })
  expect(result.wordErrorRate).toBeCloseTo(result.errors / result.words)
  expect(result.wordErrorRate).toBeGreaterThan(0)
  expect(result.wordErrorRate).toBeLessThan(0.5)
  expect(result.wordErrorRateInterval.low).toBeLessThanOrEqual(result.wordErrorRate)
  expect(result.wordErrorRateInterval.high).toBeGreaterThanOrEqual(result.wordErrorRate)
  expect(result.realTimeFactor).toBeGreaterThan(0)
  expect(result.audioSeconds).toBeCloseTo(testSet['durationSeconds'], 1)
  for (const { alignment, errors, text } of all) {
    expect(alignment.filter(({ op }: { op: string }) => op !== 'CORRECT')).toHaveLength(errors)
    expect(text).not.toBe('')
  }
  expect(result.confusions.length).toBeGreaterThan(0)
})

test('an evaluation of a deployment uses its models', { timeout: 120_000 }, async () => {
  const { deployment } = await api.deploy()
  const evaluated = await evaluations.evaluate({ testSetId: testSet['id'], deploymentId: deployment.id })
  expect(await evaluations.createEvaluation({ testSetId: testSet['id'], deploymentId: deployment.id, revision: 2 })).toMatchObject({
    fieldErrors: [{ path: 'revision' }],
  })
  const redeployed = await revisionsOf(api).redeploy(deployment.id, await pairOf(api, 'CONVERSATIONAL'))
  const { evaluation } = await evaluations.createEvaluation({ testSetId: testSet['id'], deploymentId: deployment.id, revision: redeployed['revision'].number })
  expect(evaluation).toMatchObject({ revision: 2, languageModel: { id: await api.modelId('LANGUAGE', 'CONVERSATIONAL') } })
  expect(evaluated).toMatchObject({ status: 'COMPLETE', deployment: { id: deployment.id }, revision: 1, acousticModel: { id: await api.modelId('ACOUSTIC') } })
})

test('createEvaluation names the problem of its input', async () => {
  const testSetId = testSet['id']
  const models = await evaluations.pair()
  const conversational = await evaluations.pair('CONVERSATIONAL')
  expect(await evaluations.createEvaluation({ testSetId })).toMatchObject({ code: 'VALIDATION_FAILED' })
  expect(await evaluations.createEvaluation({ testSetId, acousticModelId: models.acousticModelId })).toMatchObject({ code: 'VALIDATION_FAILED' })
  expect(await evaluations.createEvaluation({ testSetId: models.acousticModelId, ...models })).toMatchObject({ code: 'TEST_SET_NOT_FOUND', path: 'testSetId' })
  expect(await evaluations.createEvaluation({ testSetId, deploymentId: testSetId })).toMatchObject({ code: 'DEPLOYMENT_NOT_FOUND' })
  expect(await evaluations.createEvaluation({ testSetId, ...models, languageModelId: conversational.languageModelId })).toMatchObject({
    code: 'MODELS_INCOMPATIBLE',
  })
})

test('a canceled evaluation ends, and a deleted one is gone', async () => {
  const { evaluation } = await evaluations.createEvaluation({ testSetId: testSet['id'], ...(await evaluations.pair()) })
  expect(await evaluations.cancelEvaluation(evaluation.id)).toMatchObject({ evaluation: { status: 'CANCELED' } })
  expect(await evaluations.cancelEvaluation(evaluation.id)).toMatchObject({ evaluation: { status: 'CANCELED' } })
  expect(await evaluations.deleteEvaluation(evaluation.id)).toMatchObject({ deletedId: evaluation.id })
  expect(await evaluations.findEvaluation(evaluation.id)).toBeNull()
  expect(await evaluations.deleteEvaluation(evaluation.id)).toMatchObject({ code: 'EVALUATION_NOT_FOUND' })
  expect(await collect(evaluations.watchEvaluation(evaluation.id))).toMatchObject([{ code: 'EVALUATION_NOT_FOUND' }])
})

test('canceling ends a running evaluation, which recognizes nothing more', { timeout: 120_000 }, async () => {
  const long = await evaluations.importTestSet([...librivoxRecordings(), ...cardRecordings(), ...librivoxRecordings()])
  const { evaluation } = await evaluations.createEvaluation({ testSetId: long['id'], ...(await evaluations.pair('CONVERSATIONAL')) })
  let canceled = 0
  const statuses: string[] = []
  for await (const change of evaluations.watchEvaluation(evaluation.id)) {
    statuses.push(change['evaluation'].status)
    if (canceled || change['evaluation'].progress < 0.1) continue
    expect(await evaluations.cancelEvaluation(evaluation.id)).toMatchObject({ evaluation: { status: 'CANCELED' } })
    canceled = (await evaluations.findEvaluation(evaluation.id))['items'].totalCount
  }
  expect(statuses.at(-1)).toBe('CANCELED')
  expect(await evaluations.deleteTestSet((await evaluations.importTestSet(cardRecordings().slice(0, 1)))['id'])).toMatchObject({
    deletedId: expect.any(String),
  })
  // The next evaluation of the process has the worker.
  expect(await evaluations.evaluate({ testSetId: testSet['id'], ...(await evaluations.pair()) })).toMatchObject({ status: 'COMPLETE' })
  const after = await evaluations.findEvaluation(evaluation.id)
  expect(after).toMatchObject({ status: 'CANCELED', result: null })
  expect(after['items'].totalCount).toBe(canceled)
  expect(await evaluations.cancelEvaluation(evaluation.id)).toMatchObject({ evaluation: { status: 'CANCELED' } })
})

test('evaluations are listed by test set, deployment, model and status', async () => {
  const query = 'query ($where: EvaluationFilter) { evaluations(where: $where) { totalCount nodes { id status testSet { id } } } }'
  const list = async (where: object) => (await api.ask(query, { where })).data?.evaluations
  const { totalCount, nodes } = await list({})
  expect(nodes).toHaveLength(totalCount)
  const ofSet = await list({ testSetId: testSet['id'] })
  expect(ofSet.nodes).toEqual(nodes.filter((node: { testSet: { id: string } }) => node.testSet.id === testSet['id']))
  expect((await list({ modelId: (await evaluations.pair()).acousticModelId })).totalCount).toBeGreaterThan(0)
  const complete = await list({ statuses: ['COMPLETE'] })
  expect(complete.nodes).toEqual(nodes.filter((node: { status: string }) => node.status === 'COMPLETE'))
  const { data } = await api.ask('query ($id: ID!) { node(id: $id) { __typename id } }', { id: nodes[0].id })
  expect(data?.node).toEqual({ __typename: 'Evaluation', id: nodes[0].id })
  expect((await api.ask(query, { where: { testSetId: nodes[0].id } })).errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT')
})
