import { Connection, ServicePropertyChannel } from 'microsoft-cognitiveservices-speech-sdk'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collect, openTestService, referenceRecording, type Service } from '../support/service.ts'
import { configFor, fileOf, microphone, openRecognizer, recognizeOnce, samplesOf } from '../support/speech-client.ts'
import { until } from '../support/until.ts'
import { wav } from '../support/wav.ts'
import { revisionsOf } from './client.ts'

let api: Service
let revisions: ReturnType<typeof revisionsOf>
beforeAll(async () => {
  api = await openTestService({ RECOGNIZERS: '2' })
  revisions = revisionsOf(api)
})
afterAll(() => api.close())

const said = referenceRecording()

async function deploy() {
  const { deployment } = await api.deploy()
  if (!deployment.endpoint) throw new Error('not complete')
  return { ...deployment.endpoint, deploymentId: deployment.id }
}

/** Waits until the pending revision is on trial. */
const onTrial = (id: string) => until(async () => (await revisions.read(id))['pendingRevision']?.status === 'COMPLETE', 30_000)

const post = async (url: string, client: string, recording: Buffer<ArrayBuffer>) =>
  Number((await api.post(url, recording, { 'X-Client-Id': client })).headers.get('x-revision'))
/** The revision that serves a client. */
const revisionFor = (url: string, client: string) => post(url, client, pause)
const pause = wav(new Int16Array(1_600))

test('a canary serves a share of the clients, each client stays on its side, and a promotion ends the trial', async () => {
  const { deploymentId, httpUrl } = await deploy()
  await revisions.redeploy(deploymentId, { canary: { percent: 40 } })
  await onTrial(deploymentId)
  expect(await revisions.read(deploymentId)).toMatchObject({
    canary: { percent: 40, revision: { number: 2 } },
    shadow: null,
    currentRevision: { number: 1 },
    pendingRevision: { number: 2, status: 'COMPLETE', isCurrent: false },
  })
  const clients = Array.from({ length: 20 }, (_, n) => `client ${n}`)
  const sides: number[] = []
  for (const client of clients) sides.push(await revisionFor(httpUrl, client))
  const share = sides.filter((side) => side === 2).length
  expect(share).toBeGreaterThan(1)
  expect(share).toBeLessThan(16)
  for (const [n, client] of clients.slice(0, 6).entries()) expect(await revisionFor(httpUrl, client)).toBe(sides[n])

  // A larger share keeps the clients that are on the pending revision.
  await revisions.updateTrial(deploymentId, { canary: { percent: 100 } })
  expect(await revisionFor(httpUrl, clients[sides.indexOf(1)] as string)).toBe(2)
  await revisions.updateTrial(deploymentId, { canary: { percent: 0 } })
  expect(await revisionFor(httpUrl, clients[sides.indexOf(2)] as string)).toBe(1)
  await revisions.updateTrial(deploymentId, { canary: null })
  expect((await revisions.read(deploymentId))['canary']).toBeNull()

  expect(await revisions.promote(deploymentId, { revision: 3 })).toMatchObject({ __typename: 'RevisionNotFoundError' })
  expect(await revisions.promote(deploymentId, { revision: 2 })).toMatchObject({ revision: { number: 2, isCurrent: true } })
  expect(await revisions.promote(deploymentId, { revision: 2 })).toMatchObject({ revision: { number: 2, isCurrent: true } })
  expect(await revisionFor(httpUrl, 'any')).toBe(2)
  expect((await revisions.read(deploymentId))['pendingRevision']).toBeNull()
})

test('the Speech SDK reads its revision in turn.start, and a session that is open at a switch ends on its revision', async () => {
  const { deploymentId, webSocketUrl, httpUrl } = await deploy()
  await revisions.redeploy(deploymentId, { canary: { percent: 0 } })
  await onTrial(deploymentId)
  const { audio } = microphone(Buffer.concat([samplesOf(said), Buffer.alloc(32_000), samplesOf(said), Buffer.alloc(32_000)]))
  const client = openRecognizer(configFor(webSocketUrl, api.key), audio)
  await client.start()
  await client.until(() => client.of('speechStart').length > 0)
  await revisions.promote(deploymentId)
  expect(await revisionFor(httpUrl, 'any')).toBe(2)
  await client.until(() => client.of('sessionStopped').length > 0)
  expect(client.phrases()).toHaveLength(2)
  expect(client.of('canceled').filter(({ reason }) => reason === 'Error')).toEqual([])
  const { result } = await recognizeOnce(configFor(webSocketUrl, api.key), fileOf(said))
  expect(result.text).toMatch(/river/)
})

/** The revision that turn.start names to a Speech SDK with this client id. */
async function sdkRevision(webSocketUrl: string, clientId: string): Promise<number> {
  const config = configFor(webSocketUrl, api.key)
  config.setServiceProperty('X-Client-Id', clientId, ServicePropertyChannel.UriQueryParameter)
  const client = openRecognizer(config, fileOf(pause))
  const named: number[] = []
  Connection.fromRecognizer(client.recognizer).messageReceived = ({ message }) => {
    if (message.path === 'turn.start') named.push(JSON.parse(message.TextMessage).context.revision)
  }
  await client.once()
  await client.close()
  expect(named).toHaveLength(1)
  return named[0] ?? 0
}

test('a canary divides the clients of the Speech SDK in the same way as those of HTTP', async () => {
  const { deploymentId, webSocketUrl, httpUrl } = await deploy()
  await revisions.redeploy(deploymentId, { canary: { percent: 50 } })
  await onTrial(deploymentId)
  const sides = new Set<number>()
  for (let n = 0; n < 40 && sides.size < 2; n++) {
    const side = await sdkRevision(webSocketUrl, `client ${n}`)
    expect(await revisionFor(httpUrl, `client ${n}`)).toBe(side)
    sides.add(side)
  }
  expect([...sides].sort()).toEqual([1, 2])
})

test('a shadow counts the words that differ, in idle capacity, and an aborted trial leaves the deployment as before', async () => {
  const { deploymentId, httpUrl } = await deploy()
  await revisions.redeploy(deploymentId, { shadow: { percent: 100 } })
  await onTrial(deploymentId)
  for (let n = 0; n < 3; n++) expect(await post(httpUrl, 'any', said)).toBe(1)
  await until(async () => (await revisions.read(deploymentId))['shadow'].recordings >= 3, 30_000)
  const { shadow } = await revisions.read(deploymentId)
  expect(shadow).toMatchObject({ percent: 100, revision: { number: 2 }, recordings: 3, words: 30 })
  expect(shadow.differingWords).toBeLessThan(6)
  expect(shadow.differingWordRate).toBeCloseTo(shadow.differingWords / 30)

  const watched = collect(api.watch(deploymentId))
  expect(await revisions.cancel(deploymentId)).toMatchObject({ revision: { number: 2, status: 'COMPLETE', isCurrent: false } })
  expect((await watched).at(-1)).toMatchObject({ isTerminal: true, status: 'COMPLETE' })
  expect(await revisions.read(deploymentId)).toMatchObject({ pendingRevision: null, shadow: null, currentRevision: { number: 1 } })
  expect(await revisions.cancel(deploymentId)).toMatchObject({ __typename: 'RevisionNotFoundError' })
  // The revision was proved, so the deployment can still switch to it.
  expect(await revisions.rollback(deploymentId, 2)).toMatchObject({ revision: { number: 2, isCurrent: true } })
})

test('a rollback while a revision is pending leaves it pending, and a race of rollback and promotion has one winner', async () => {
  const { deploymentId, httpUrl } = await deploy()
  await revisions.redeploy(deploymentId)
  await collect(api.watch(deploymentId))
  await revisions.redeploy(deploymentId, { canary: { percent: 0 } })
  await onTrial(deploymentId)
  await revisions.rollback(deploymentId, 1)
  expect(await revisions.read(deploymentId)).toMatchObject({ currentRevision: { number: 1 }, pendingRevision: { number: 3 }, canary: { percent: 0 } })
  const { sequence } = await revisions.read(deploymentId)
  const [promoted, rolledBack] = await Promise.all([
    revisions.promote(deploymentId, { ifSequence: sequence }),
    revisions.rollback(deploymentId, 2, { ifSequence: sequence }),
  ])
  const names = [promoted['__typename'], rolledBack['__typename']].sort()
  expect([
    ['PromoteRevisionSuccess', 'SequenceMismatchError'],
    ['RollbackDeploymentSuccess', 'SequenceMismatchError'],
  ]).toContainEqual(names)
  const winner = promoted['revision'] ? 3 : 2
  expect(await revisionFor(httpUrl, 'any')).toBe(winner)
})
