// The Speech SDK when the recognizers have no room, or lose what they have.
import { OutputFormat } from 'microsoft-cognitiveservices-speech-sdk'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { childrenRunning } from '../support/recognizers.ts'
import { librivoxRecordings, openTestService, referenceRecording, referenceText, type Service } from '../support/service.ts'
import { configFor, microphone, openRecognizer, recognizeOnce, samplesOf, silence } from '../support/speech-client.ts'
import { until } from '../support/until.ts'

let api: Service
let url: string
beforeAll(async () => {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  api = await openTestService({ RECOGNIZERS: '1' })
  url = (await api.deployEndpoint()).webSocketUrl
})
afterAll(() => api.close())

const reference = referenceRecording()
const novel = librivoxRecordings()

const detailed = () => {
  const config = configFor(url, api.key)
  config.outputFormat = OutputFormat.Detailed
  return config
}

const readFigure = (name: string) => api.readFigure(name)

async function holdTheLine() {
  const client = openRecognizer(detailed(), microphone(silence(60)).audio)
  await client.start()
  return client
}

/** People who hold the line and say nothing, as many as there is room for; one more waits a moment and leaves. */
async function fillRoom() {
  const clients: Awaited<ReturnType<typeof holdTheLine>>[] = []
  for (;;) {
    const client = await holdTheLine()
    const isSettled = async () => (await readFigure('recognizer_streams')) > clients.length || (await readFigure('recognizer_streams_waiting')) > 0
    await until(isSettled)
    if ((await readFigure('recognizer_streams_waiting')) === 0) clients.push(client)
    else {
      await client.close()
      await until(async () => (await readFigure('recognizer_streams_waiting')) === 0)
      return clients
    }
  }
}

const closeAll = (clients: ReturnType<typeof openRecognizer>[]) => Promise.all(clients.map((client) => client.close()))

describe('full recognizers', () => {
  test('an SDK client without a slot gets an error after the wait, and open streams continue', async () => {
    const clients = await fillRoom()
    const began = performance.now()
    const { result, of } = await recognizeOnce(detailed(), reference)
    expect(performance.now() - began).toBeGreaterThan(4_500)
    expect(of('canceled')[0]).toMatchObject({ code: 'TooManyRequests', details: expect.stringContaining('parallel requests exceeded') })
    expect(result.text).toBeFalsy()
    for (const client of clients) expect(client.of('canceled')).toEqual([])
    await closeAll(clients)
  })

  test('an SDK client that waits gets the first free slot and loses no word', async () => {
    const clients = await fillRoom()
    const waiting = recognizeOnce(detailed(), reference)
    await expect.poll(() => readFigure('recognizer_streams_waiting')).toBe(1)
    await clients[0]?.close()
    expect((await waiting).result.text).toBe(referenceText.replace(/\.$/, ''))
    await closeAll(clients)
  })
})

describe('a crash of the detector', () => {
  const [first, second] = novel.map(({ wav, text }) => ({ samples: samplesOf(wav), text }))

  test('a crash of the detector at full capacity loses no word', async () => {
    if (!first || !second) throw new Error('there are no recordings')
    const others = await fillRoom()
    await closeAll(others.splice(0, 2))
    const clients = [first, second].map(({ samples }) => openRecognizer(detailed(), microphone(Buffer.concat([samples, silence(1)]), { speed: 2 }).audio))
    const saying = clients.map((client) => client.all())
    await Promise.all(clients.map((client) => client.until(() => client.of('speechStart').length > 0)))
    const waiting = recognizeOnce(detailed(), reference)
    await expect.poll(() => readFigure('recognizer_streams_waiting')).toBe(1)
    const [detector] = childrenRunning('detector.process.ts')
    process.kill(detector as number, 'SIGKILL')
    await until(() => childrenRunning('detector.process.ts').some((pid) => pid !== detector))
    await Promise.all(saying)
    for (const [n, client] of clients.entries()) {
      const { text } = [first, second][n] as typeof first
      expect(countWordErrors(text, client.text()).errors).toBeLessThanOrEqual(2)
      expect(client.of('canceled')).toMatchObject([{ reason: 'EndOfStream' }])
    }
    // Those who say nothing have kept their places.
    for (const client of others) expect(client.of('canceled')).toEqual([])
    await waiting
    await closeAll(others)
  })

  test('repeated crashes of the detector make the SDK connect again, and no word is lost', async () => {
    if (!first) throw new Error('there are no recordings')
    const client = openRecognizer(configFor(url, api.key), microphone(Buffer.concat([first.samples, silence(1)]), { speed: 2 }).audio)
    const saying = client.all()
    await client.until(() => client.of('speechStart').length > 0)
    const killed = new Set<number>()
    for (let n = 0; n < 3; n++) {
      const find = () => childrenRunning('detector.process.ts').find((pid) => !killed.has(pid))
      await until(() => find() !== undefined)
      const pid = find() as number
      killed.add(pid)
      process.kill(pid, 'SIGKILL')
    }
    await saying
    expect(countWordErrors(first.text, client.text()).errors).toBeLessThanOrEqual(2)
    expect(client.of('canceled')).toMatchObject([{ reason: 'EndOfStream' }])
    expect(await readFigure('recognizer_streams')).toBe(0)
  })
})
