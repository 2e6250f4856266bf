import { afterAll, beforeAll, expect, test } from 'vitest'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { collect, openTestService, referenceRecording, referenceText, type Service, type StatusChange } from '../support/service.ts'
import { pairOf, type RevisionChange, revisionsOf } from './client.ts'

let api: Service
let revisions: ReturnType<typeof revisionsOf>
beforeAll(async () => {
  api = await openTestService()
  revisions = revisionsOf(api)
})
afterAll(() => api.close())

const said = referenceRecording()

type Change = StatusChange & { revision: RevisionChange | null }

/** Every change until the stream ends. */
async function watch(id: string): Promise<Change[]> {
  return (await collect(api.watch(id))) as Change[]
}

async function deploy() {
  const { deployment } = await api.deploy()
  if (!deployment.endpoint) throw new Error('not complete')
  return { ...deployment.endpoint, deploymentId: deployment.id }
}

test('a redeployment is proved beside the serving revision, then serves at the same URL, and a rollback returns to the first at once', async () => {
  const { deploymentId, httpUrl } = await deploy()
  const before = await revisions.read(deploymentId)
  expect(before).toMatchObject({ pendingRevision: null, canary: null, shadow: null, currentRevision: { number: 1, status: 'COMPLETE', isCurrent: true } })
  expect(before['revisions']).toMatchObject({ totalCount: 1, nodes: [{ number: 1, isCurrent: true }] })
  expect(await revisions.rollback(deploymentId, 1)).toMatchObject({ deployment: { sequence: before['sequence'] }, revision: { number: 1, isCurrent: true } })
  const first = await api.post(httpUrl, said)
  expect(first.headers.get('x-revision')).toBe('1')

  const conversational = await pairOf(api, 'CONVERSATIONAL')
  const { deployment, revision, __typename } = await revisions.redeploy(deploymentId, { note: 'Better with names' })
  expect({ __typename, revision }).toMatchObject({
    __typename: 'RedeployDeploymentSuccess',
    revision: {
      number: 2,
      status: 'QUEUED',
      isCurrent: false,
      note: 'Better with names',
      createdBy: { id: expect.any(String) },
      deployment: { id: deploymentId },
    },
  })
  expect(deployment.status).toBe('COMPLETE')
  const changes = await watch(deploymentId)
  expect(changes.map(({ sequence }) => sequence)).toEqual(changes.map((_, n) => (changes[0]?.sequence ?? 0) + n))
  expect(changes.every(({ status }) => status === 'COMPLETE')).toBe(true)
  expect(changes.at(-1)).toMatchObject({ isTerminal: true })
  expect(changes.slice(0, -1).some(({ isTerminal }) => isTerminal)).toBe(false)

  const after = await revisions.read(deploymentId)
  expect(after).toMatchObject({
    status: 'COMPLETE',
    acousticModel: { id: conversational.acousticModelId },
    pendingRevision: null,
    currentRevision: { number: 2, status: 'COMPLETE', isCurrent: true, acousticModel: { id: conversational.acousticModelId }, note: 'Better with names' },
    revisions: {
      totalCount: 2,
      nodes: [
        { number: 2, isCurrent: true, progress: 1, verification: { transcript: expect.stringContaining('river') } },
        { number: 1, isCurrent: false, status: 'COMPLETE', createdBy: null },
      ],
    },
  })
  const log = after['timeline'].nodes.map(({ revision }: Change) => revision).filter(Boolean)
  expect(log[0]).toMatchObject({ number: 2, status: 'QUEUED', previousStatus: null, currentNumber: 1 })
  expect(log.map(({ stage }: RevisionChange) => stage)).toEqual(expect.arrayContaining(['RESOLVING', 'FETCHING', 'BUILDING', 'LOADING', 'VERIFYING']))
  expect(log.at(-1)).toEqual({
    number: 2,
    status: 'COMPLETE',
    previousStatus: 'PROVISIONING',
    stage: null,
    currentNumber: 2,
    previousCurrentNumber: 1,
    isCurrent: true,
  })

  const second = await api.post(httpUrl, said)
  expect(second.headers.get('x-revision')).toBe('2')
  expect(uuidIn(second.headers.get('x-acoustic-model-id'))).toBe(uuidIn(conversational.acousticModelId))
  expect(countWordErrors(referenceText, (await second.json()).DisplayText).errors).toBe(0)

  const back = await revisions.rollback(deploymentId, 1, { note: 'The names got worse' })
  expect(back).toMatchObject({ __typename: 'RollbackDeploymentSuccess', revision: { number: 1, isCurrent: true } })
  const third = await api.post(httpUrl, said)
  expect(third.headers.get('x-revision')).toBe('1')
  const last = await revisions.read(deploymentId)
  expect(last).toMatchObject({
    acousticModel: before['acousticModel'],
    verification: before['verification'],
    currentRevision: { number: 1, completedAt: before['currentRevision'].completedAt },
  })
  expect(last['timeline'].nodes.at(-1)).toMatchObject({
    message: 'Switched from revision 2 to revision 1: The names got worse',
    isTerminal: true,
    revision: { number: 1, currentNumber: 1, previousCurrentNumber: 2 },
  })
})

const uuidIn = (id: string | null) =>
  id && /^[0-9a-f-]{36}$/.test(id)
    ? id
    : Buffer.from(id ?? '', 'base64')
        .toString()
        .split(':')[1]

test('the node of a revision is found by its id, the first one too', async () => {
  const { deploymentId } = await deploy()
  const { currentRevision } = await revisions.read(deploymentId)
  const { data } = await api.ask('query ($id: ID!) { node(id: $id) { __typename id ... on Revision { number } } }', { id: currentRevision.id })
  expect(data?.['node']).toEqual({ __typename: 'Revision', id: currentRevision.id, number: 1 })
})

test('a second redeployment is refused while one is pending, supersedes it on request, and an idempotency key repeats the first', async () => {
  const { deploymentId } = await deploy()
  const [one, other] = await Promise.all([revisions.redeploy(deploymentId), revisions.redeploy(deploymentId)])
  const refused = [one, other].filter(({ __typename }) => __typename === 'RedeploymentInProgressError')
  expect(refused).toEqual([expect.objectContaining({ code: 'REDEPLOYMENT_IN_PROGRESS' })])

  const idempotencyKey = crypto.randomUUID()
  const superseding = await revisions.redeploy(deploymentId, { supersede: true, idempotencyKey })
  expect(superseding).toMatchObject({ revision: { number: 3 } })
  const repeated = await revisions.redeploy(deploymentId, { supersede: true, idempotencyKey })
  expect(repeated).toMatchObject({ revision: { number: 3 } })
  expect(await revisions.redeploy(deploymentId, { idempotencyKey, note: 'Another' })).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
  await watch(deploymentId)
  const { currentRevision, revisions: all } = await revisions.read(deploymentId)
  expect(currentRevision.number).toBe(3)
  expect(all.nodes.map(({ number, status }: { number: number; status: string }) => [number, status])).toEqual([
    [3, 'COMPLETE'],
    [2, 'CANCELED'],
    [1, 'COMPLETE'],
  ])
})

test('a canceled redeployment leaves the deployment serving, and canceling again succeeds', async () => {
  const { deploymentId, httpUrl } = await deploy()
  await revisions.redeploy(deploymentId)
  expect(await revisions.cancel(deploymentId)).toMatchObject({ revision: { number: 2, status: 'CANCELED' }, deployment: { status: 'COMPLETE' } })
  expect(await revisions.cancel(deploymentId)).toMatchObject({ revision: { number: 2, status: 'CANCELED' } })
  expect((await revisions.read(deploymentId))['pendingRevision']).toBeNull()
  expect((await api.post(httpUrl, said)).headers.get('x-revision')).toBe('1')
  expect(await revisions.rollback(deploymentId, 2)).toMatchObject({ __typename: 'RevisionNotProvedError', code: 'REVISION_NOT_PROVED' })
  expect(await revisions.rollback(deploymentId, 7)).toMatchObject({ __typename: 'RevisionNotFoundError' })
})

test('the checks are those of a creation, and a stale sequence is refused', async () => {
  const { deploymentId } = await deploy()
  const { sequence } = await revisions.read(deploymentId)
  const languageModelId = await api.modelId('LANGUAGE', 'SEARCH_AND_DICTATION')
  expect(await revisions.redeploy(deploymentId, { languageModelId })).toMatchObject({ __typename: 'IncompatibleModelsError' })
  expect(await revisions.redeploy(deploymentId, { languageModelId: 'TGFuZ3VhZ2U=' })).toMatchObject({ __typename: 'ModelNotFoundError' })
  expect(await revisions.redeploy(deploymentId, { ifSequence: sequence - 1 })).toMatchObject({ __typename: 'SequenceMismatchError' })
  expect(await revisions.redeploy(deploymentId, { canary: { percent: 101 } })).toMatchObject({ __typename: 'ValidationError' })
  expect(await revisions.redeploy('RGVwbG95bWVudDo=')).toMatchObject({ __typename: 'DeploymentNotFoundError' })
  expect(await revisions.rollback(deploymentId, 1, { ifSequence: sequence - 1 })).toMatchObject({ __typename: 'SequenceMismatchError' })
  const { deployment } = await api.create()
  expect(await revisions.redeploy(deployment.id)).toMatchObject({ __typename: 'StatusConflictError' })
})
