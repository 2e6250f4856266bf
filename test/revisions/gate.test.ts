// A gate decides on test recordings whether new models may serve.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { evaluationsOf } from '../evaluation/evaluations.ts'
import { cardRecordings, collect, openTestService, type Service } from '../support/service.ts'
import { pairOf, type RevisionChange, revisionsOf } from './client.ts'

let api: Service
let revisions: ReturnType<typeof revisionsOf>
let evaluations: ReturnType<typeof evaluationsOf>
let testSet: Record<string, any>
beforeAll(async () => {
  api = await openTestService()
  revisions = revisionsOf(api)
  evaluations = evaluationsOf(api)
  const [right, wrong] = cardRecordings()
  if (!right || !wrong) throw new Error('two recordings are needed')
  testSet = await evaluations.importTestSet([right, { wav: wrong.wav, text: 'the transcript of another recording' }])
}, 120_000)
afterAll(() => api.close())

const updateGate = async (deploymentId: string, gate: object | null) =>
  (
    await api.ask(
      `mutation ($input: UpdateGateInput!) { updateGate(input: $input) { __typename
        ... on UpdateGateSuccess { deployment { gate { testSet { id } maxWordErrorRate maxIncrease minConfidence } } }
        ... on Error { code message path } ... on ValidationError { fieldErrors { path message } } } }`,
      { input: { deploymentId, gate } },
    )
  ).data?.updateGate

const readRevision = async (id: string) =>
  (
    await api.ask(
      'query ($id: ID!) { node(id: $id) { ... on Revision { number status failure { stage code message } gate { maxWordErrorRate } evaluation { status revision result { wordErrorRate } } } } }',
      { id },
    )
  ).data?.node

test('new models that do not pass leave the deployment as before, and those that pass serve', { timeout: 240_000 }, async () => {
  const { deployment } = await api.deploy('CONVERSATIONAL')
  const { id } = deployment
  const other = await pairOf(api, 'SEARCH_AND_DICTATION')
  // One transcript is that of another recording, so all models make errors.
  const strict = { testSetId: testSet['id'], maxWordErrorRate: 0 }
  const refused = await revisions.redeploy(id, { ...other, gate: strict })
  await collect(api.watch(id))
  const changes: { status: string; revision: RevisionChange | null }[] = (await revisions.read(id))['timeline'].nodes
  expect(changes.at(-1)).toMatchObject({ status: 'COMPLETE', revision: { number: 2, status: 'FAILED', currentNumber: 1 } })
  expect(changes.map(({ revision }) => revision?.stage)).toContain('EVALUATING')
  const failed = await readRevision(refused['revision'].id)
  expect(failed).toMatchObject({
    failure: {
      stage: 'EVALUATING',
      code: 'GATE_NOT_PASSED',
      message: expect.stringMatching(/word error rate on the test set is .* exceeds the limit of 0\.0 %/),
    },
    gate: { maxWordErrorRate: 0 },
    evaluation: { status: 'COMPLETE', revision: 2, result: { wordErrorRate: expect.any(Number) } },
  })
  expect(await revisions.read(id)).toMatchObject({ status: 'COMPLETE', pendingRevision: null, currentRevision: { number: 1 } })

  const limits = { maxWordErrorRate: 1, maxIncrease: 1, minConfidence: null }
  expect(await updateGate(id, { testSetId: testSet['id'], ...limits })).toMatchObject({ deployment: { gate: { testSet: { id: testSet['id'] }, ...limits } } })
  const allowed = await revisions.redeploy(id, other)
  expect((await collect(api.watch(id))).at(-1)).toMatchObject({ status: 'COMPLETE' })
  // The recordings were recognized for the gate before, so the evaluation is the same.
  expect((await readRevision(allowed['revision'].id)).evaluation).toEqual(failed.evaluation)
  expect(await revisions.read(id)).toMatchObject({ currentRevision: { number: 3, status: 'COMPLETE' } })
  const { data } = await api.ask('query ($id: ID!) { deployment(id: $id) { currentRevision { gate { maxIncrease } evaluation { status } } } }', { id })
  expect(data?.deployment.currentRevision).toEqual({ gate: { maxIncrease: 1 }, evaluation: { status: 'COMPLETE' } })
  expect(await updateGate(id, null)).toMatchObject({ deployment: { gate: null } })
})

test('a gate without limits, with limits beyond 1 or with a missing test set is refused', async () => {
  const { deployment } = await api.deploy()
  const gate = (more: object) => updateGate(deployment.id, { testSetId: testSet['id'], ...more })
  expect(await gate({})).toMatchObject({ fieldErrors: [{ path: 'gate', message: expect.stringContaining('at least one of') }] })
  expect(await gate({ maxWordErrorRate: 7 })).toMatchObject({ fieldErrors: [{ path: 'gate.maxWordErrorRate' }] })
  const missing = Buffer.from('TestSet:01890000-0000-7000-8000-000000000000').toString('base64')
  const refusal = { code: 'TEST_SET_NOT_FOUND', path: 'gate.testSetId' }
  expect(await gate({ testSetId: missing, maxIncrease: 0 })).toMatchObject(refusal)
  expect(await revisions.redeploy(deployment.id, { gate: { testSetId: missing, maxIncrease: 0 } })).toMatchObject(refusal)
})
