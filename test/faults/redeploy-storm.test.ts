// Redeployments and rollbacks while clients speak. SWITCHES and SESSIONS set the size, such as SWITCHES=1000 SESSIONS=20.
import { Connection } from 'microsoft-cognitiveservices-speech-sdk'
import { expect, test } from 'vitest'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { revisionsOf } from '../revisions/client.ts'
import { modelsOf } from '../support/models.ts'
import { collect, referenceRecording, referenceText, startTestService } from '../support/service.ts'
import { configFor, openRecognizer, pushed, samplesOf, sendAtOnce, silence } from '../support/speech-client.ts'
import { figure } from './figure.ts'

const switches = Number(process.env['SWITCHES'] ?? 40)
const sessions = Number(process.env['SESSIONS'] ?? 2)
/** One of so many switches is a redeployment with all of its stages. */
const rollbacksPerRedeployment = 10
const phrasesPerSession = 3

const said = referenceRecording()
/** The custom language model writes these words in another way, so the text shows which revision gave it. */
const marked = 'The-Weather'

test('redeployments and rollbacks under live sessions refuse no client, lose no word, and each answer is by the revision that it names', {
  timeout: 60 * 60_000,
}, async () => {
  const api = await startTestService({ RECOGNIZERS: '2', MAX_MUTATIONS_PER_KEY: '100000', MAX_MUTATIONS_PER_WORKSPACE: '100000' })
  const revisions = revisionsOf(api)
  const models = modelsOf(api)
  const { model } = await models.createLanguageModel({ text: 'we walked along the river', pronunciations: [{ spoken: 'the weather', written: marked }] })
  await collect(models.watch(model.id))
  const pair = { acousticModelId: await api.modelId('ACOUSTIC'), languageModelId: await api.modelId('LANGUAGE') }
  const pairs = { plain: pair, marked: { ...pair, languageModelId: model.id } }
  const { deployment } = await api.deploy()
  const endpoint = deployment.endpoint
  if (!endpoint) throw new Error('not complete')
  /** What each revision writes. */
  const isMarked = new Map([[1, false]])

  const redeploy = async () => {
    const next = !isMarked.get((await revisions.read(deployment.id))['currentRevision'].number)
    const { revision } = await revisions.redeploy(deployment.id, next ? pairs.marked : pairs.plain)
    isMarked.set(revision.number, next)
    const changes = await collect(api.watch(deployment.id))
    expect(changes.at(-1)?.message).toMatch(new RegExp(`^Revision ${revision.number} serves`))
    return revision.number as number
  }
  const check = (revision: number, text: string, phrases: number) => {
    expect(isMarked.has(revision)).toBe(true)
    expect(text.split(marked).length - 1, `revision ${revision}: ${text}`).toBe(isMarked.get(revision) ? phrases : 0)
    expect(countWordErrors(Array.from({ length: phrases }, () => referenceText).join(' '), text).errors, text).toBe(0)
  }
  await redeploy()

  let isOver = false
  let posts = 0
  let answered = Promise.withResolvers<void>()
  const answeredBy = new Set<number>()
  const tell = (revision: number) => {
    answeredBy.add(revision)
    answered.resolve()
    answered = Promise.withResolvers()
  }
  const post = async () => {
    while (!isOver) {
      const response = await api.post(endpoint.httpUrl, said)
      const body = await response.text()
      expect(response.status, body).toBe(200)
      const revision = Number(response.headers.get('x-revision'))
      check(revision, JSON.parse(body).DisplayText, 1)
      posts++
      tell(revision)
    }
  }
  let spoken = 0
  const speak = async () => {
    const samples = Buffer.concat(Array.from({ length: phrasesPerSession }, () => [samplesOf(said), silence(1.5)]).flat())
    while (!isOver) {
      const client = openRecognizer(sendAtOnce(configFor(endpoint.webSocketUrl.replace(/(?<=recognition\/)\w+/, 'conversation'), api.key)), pushed(samples))
      const named = new Set<number>()
      Connection.fromRecognizer(client.recognizer).messageReceived = ({ message }) => {
        if (message.path === 'turn.start') named.add(JSON.parse(message.TextMessage).context.revision)
      }
      await client.all()
      expect(client.of('canceled').filter(({ reason }) => reason === 'Error')).toEqual([])
      expect(named.size).toBe(1)
      const [revision = 0] = named
      check(revision, client.text(), phrasesPerSession)
      tell(revision)
      await client.close()
      spoken++
    }
  }
  const clients = Promise.all([post(), ...Array.from({ length: sessions }, speak)])
  // A failed client ends the storm.
  clients.catch(() => answered.reject(new Error('a client failed')))

  const times: number[] = []
  for (let n = 1; n < switches; n++) {
    await answered.promise
    const { currentRevision, revisions: all } = await revisions.read(deployment.id)
    const began = performance.now()
    if (n % rollbacksPerRedeployment === 0) await redeploy()
    else {
      const proved = all.nodes.filter(({ status, isCurrent }: { status: string; isCurrent: boolean }) => status === 'COMPLETE' && !isCurrent)
      const target = proved.find(({ number }: { number: number }) => isMarked.get(number) !== isMarked.get(currentRevision.number)) ?? proved[0]
      expect(await revisions.rollback(deployment.id, target.number)).toMatchObject({ revision: { number: target.number, isCurrent: true } })
      times.push(performance.now() - began)
    }
  }
  isOver = true
  await clients
  expect(answeredBy.size).toBeGreaterThan(1)
  times.sort((a, b) => a - b)
  figure('16, redeployments and rollbacks under live sessions', {
    switches,
    'posts answered': posts,
    'sessions ended': spoken,
    'refused or lost': 0,
    'rollback p50, ms': times[Math.floor(times.length / 2)] ?? 0,
    'rollback p99, ms': times[Math.floor(times.length * 0.99)] ?? 0,
  })
})
