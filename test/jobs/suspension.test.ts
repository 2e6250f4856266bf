// A suspended deployment keeps its id and its URLs, and frees the memory of its models.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { modelsOf } from '../support/models.ts'
import { collect, openTestService, referenceRecording, referenceText, type Service, type StatusChange, startTestService, uuidOf } from '../support/service.ts'

let api: Service
beforeAll(async () => {
  api = await openTestService()
})
afterAll(() => api.close())

const suspend = (id: string) => api.act('suspendDeployment', id)
const resume = (id: string) => api.act('resumeDeployment', id)

const readDeployment = async (id: string) =>
  (
    await api.ask(
      `query ($id: ID!) { deployment(id: $id) {
        status isTerminal isServing endpoint { httpUrl } estimatedCompletion { p50 } deadlineAt stage progress completedAt verification { transcript }
      } }`,
      { id },
    )
  ).data?.deployment

async function resumeAndWatch(id: string, after: string): Promise<StatusChange[]> {
  expect(await resume(id)).toMatchObject({ __typename: 'ResumeDeploymentSuccess', deployment: { id, status: 'QUEUED', progress: 0 } })
  return collect(api.watch(id, { after }))
}

test('a suspended deployment answers DEPLOYMENT_SUSPENDED, and after the whole proof the same URL recognizes again', { timeout: 60_000 }, async () => {
  const { deployment, sequence, cursor } = await api.deploy()
  const url = deployment.endpoint?.httpUrl ?? ''
  expect(await suspend(deployment.id)).toMatchObject({ deployment: { status: 'SUSPENDED', sequence: sequence + 1 } })
  const [suspension, ...more] = await collect(api.watch(deployment.id, { after: cursor }))
  expect(more).toEqual([])
  expect(suspension).toMatchObject({
    status: 'SUSPENDED',
    previousStatus: 'COMPLETE',
    isTerminal: true,
    sequence: sequence + 1,
    message: 'Suspended on request.',
  })
  expect(await collect(api.watch(deployment.id))).toHaveLength(1)
  expect(await readDeployment(deployment.id)).toMatchObject({
    status: 'SUSPENDED',
    isTerminal: true,
    isServing: false,
    endpoint: null,
    estimatedCompletion: null,
    deadlineAt: null,
    stage: null,
    completedAt: expect.any(String),
  })
  const refusal = await api.post(url, referenceRecording())
  expect([refusal.status, await refusal.json()]).toMatchObject([409, { code: 'DEPLOYMENT_SUSPENDED', detail: expect.stringContaining('resumeDeployment') }])
  const form = new FormData()
  form.set('model', uuidOf(deployment.id))
  form.set('file', new Blob([referenceRecording()]), 'speech.wav')
  const openAi = await api.post(`${api.localUrl}/v1/audio/transcriptions`, form)
  expect([openAi.status, await openAi.json()]).toMatchObject([409, { error: { code: 'DEPLOYMENT_SUSPENDED', param: 'model' } }])
  const models = await fetch(`${api.localUrl}/v1/models`, { headers: { authorization: `Bearer ${api.key}` } })
  expect(await models.json()).toEqual({ object: 'list', data: [] })

  const changes = await resumeAndWatch(deployment.id, suspension?.cursor ?? '')
  expect(changes[0]).toMatchObject({ status: 'QUEUED', previousStatus: 'SUSPENDED', sequence: sequence + 2, message: expect.stringContaining('Resumed') })
  expect(changes.map((change) => change.sequence)).toEqual(changes.map((_, n) => sequence + 2 + n))
  expect(new Set(changes.map(({ stage }) => stage))).toEqual(new Set([null, 'RESOLVING', 'FETCHING', 'BUILDING', 'LOADING', 'VERIFYING']))
  expect(changes.at(-1)).toMatchObject({ status: 'COMPLETE', deployment: { endpoint: { httpUrl: url } } })
  expect(await (await api.post(url, referenceRecording())).json()).toMatchObject({ DisplayText: expect.stringContaining(referenceText.slice(0, -1)) })
})

test('repeated suspensions change nothing, and each other status has its refusal', { timeout: 60_000 }, async () => {
  const { deployment } = await api.deploy()
  expect(await resume(deployment.id)).toMatchObject({ __typename: 'StatusConflictError', status: 'COMPLETE', message: expect.stringContaining('SUSPENDED') })
  const first = await suspend(deployment.id)
  expect(await suspend(deployment.id)).toEqual(first)
  for (const action of ['cancelDeployment', 'retryDeployment'] as const)
    expect(await api.act(action, deployment.id)).toMatchObject({ __typename: 'StatusConflictError', status: 'SUSPENDED' })
  expect((await api.act('retryDeployment', deployment.id))['message']).toContain('resumeDeployment')
  expect(await api.act('deleteDeployment', deployment.id)).toMatchObject({ __typename: 'DeleteDeploymentSuccess' })
  expect(await suspend(deployment.id)).toMatchObject({ code: 'DEPLOYMENT_NOT_FOUND' })
})

test('lists, counts and metrics know the status, and it counts against the quota', { timeout: 60_000 }, async () => {
  const small = await startTestService({ MAX_DEPLOYMENTS: '1' })
  const { deployment } = await small.deploy()
  await small.act('suspendDeployment', deployment.id)
  const { data } = await small.ask(
    '{ deployments(where: { statuses: [SUSPENDED] }) { totalCount nodes { id } statusCounts { status count } } all: deployments(orderBy: { field: STATUS, direction: ASC }) { totalCount } }',
  )
  expect(data?.deployments).toEqual({ totalCount: 1, nodes: [{ id: deployment.id }], statusCounts: [{ status: 'SUSPENDED', count: 1 }] })
  expect(data?.all.totalCount).toBe(1)
  expect(await small.create()).toMatchObject({ code: 'QUOTA_EXCEEDED' })
  const figures = await (await fetch(`${small.localUrl}/metrics`)).text()
  expect(figures).toContain('custom_speech_deployments{status="SUSPENDED"} 1')
  expect(figures).toMatch(/custom_speech_status_changes_total\{[^}]*status="SUSPENDED"[^}]*\} 1/)
})

test('the recognizers of every process free the models that only suspended deployments use', { timeout: 120_000 }, async () => {
  const one = await startTestService()
  const next = await startTestService({ DATABASE_URL: one.databaseUrl, ROLES: 'speech' })
  const loaded = async () => Math.max(...(await Promise.all([one, next].map((each) => each.readFigure('recognizer_models')))))
  const [search, talk, other] = [await one.deploy(), await one.deploy('CONVERSATIONAL'), await one.deploy('CONVERSATIONAL')]
  await expect.poll(loaded, { timeout: 20_000 }).toBe(2)
  await one.act('suspendDeployment', search.deployment.id)
  await expect.poll(loaded, { timeout: 20_000 }).toBe(1)
  await expect.poll(() => next.readFigure('recognizer_models'), { timeout: 20_000 }).toBe(1)
  await one.act('suspendDeployment', talk.deployment.id)
  expect((await one.post(other.deployment.endpoint?.httpUrl ?? '', referenceRecording())).status).toBe(200)
  expect(await loaded()).toBe(1)
  await one.act('suspendDeployment', other.deployment.id)
  await expect.poll(loaded, { timeout: 20_000 }).toBe(0)
})

test('a model that a suspended deployment uses cannot be deleted', async () => {
  const { model } = await modelsOf(api).createLanguageModel({ text: 'a game of cards' })
  await collect(modelsOf(api).watch(model.id))
  const { deployment } = await api.create({ languageModelId: model.id })
  await collect(api.watch(deployment.id))
  await suspend(deployment.id)
  expect(await modelsOf(api).delete(model.id)).toMatchObject({ code: 'MODEL_IN_USE' })
})
