import { SpeechConfig } from 'microsoft-cognitiveservices-speech-sdk'
import * as old from 'speech-sdk-old'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { librivoxRecordings, openTestService, referenceRecording, referenceText, type Service } from '../support/service.ts'
import { configFor, fileOf, microphone, openRecognizer, pulled, pushed, recognizeOnce, samplesOf, sendAtOnce, silence } from '../support/speech-client.ts'

let api: Service
let command: string
let talk: string
beforeAll(async () => {
  api = await openTestService()
  command = (await api.deployEndpoint()).webSocketUrl
  talk = (await api.deployEndpoint('CONVERSATIONAL')).webSocketUrl
})
afterAll(() => api.close())

const reference = referenceRecording()
const said = samplesOf(reference)
/** Seconds before and behind the speech: where a hundredth of full scale is first and last passed. */
const loud = Array.from({ length: said.length / 2 }, (_, n) => n).filter((n) => Math.abs(said.readInt16LE(n * 2)) > 800)
const [leading, trailing] = [(loud[0] ?? 0) / 16_000, (said.length / 2 - (loud.at(-1) ?? 0)) / 16_000]
const errorsIn = (text: string) => countWordErrors(referenceText, text).errors
const at = (url: string, mode: string) => url.replace(/(?<=recognition\/)\w+/, mode)

describe('a client connects', () => {
  test('with the URL and a key', async () => {
    const { result, reason } = await recognizeOnce(configFor(command, api.key), reference)
    expect(reason).toBe('RecognizedSpeech')
    expect(errorsIn(result.text)).toBe(0)
  })

  test('with the host and an endpoint id', async () => {
    const config = SpeechConfig.fromHost(new URL(api.localUrl.replace('http', 'ws')), api.key)
    config.endpointId = new URL(command).searchParams.get('cid') ?? ''
    expect(errorsIn((await recognizeOnce(config, reference)).result.text)).toBe(0)
    const client = openRecognizer(config, fileOf(reference))
    await client.all()
    expect(errorsIn(client.text())).toBe(0)
  })

  test('with a token issued for a key, set as a token or by a credential', async () => {
    const response = await api.post(`${api.localUrl}/sts/v1.0/issueToken`, '')
    const token = await response.text()
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('text/plain')
    const config = SpeechConfig.fromEndpoint(new URL(command))
    config.authorizationToken = token
    expect(errorsIn((await recognizeOnce(config, reference)).result.text)).toBe(0)
    const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 60_000 }) }
    expect(errorsIn((await recognizeOnce(SpeechConfig.fromEndpoint(new URL(command), credential), reference)).result.text)).toBe(0)
  })

  test('at the universal path, with the mode in a message', async () => {
    const url = command.replace(/\/speech\/.*v1/, '/stt/speech/universal/v2')
    expect(errorsIn((await recognizeOnce(configFor(url, api.key), reference)).result.text)).toBe(0)
  })
})

test('an old SDK gets the same results as the new one', async () => {
  const config = old.SpeechConfig.fromEndpoint(new URL(command), api.key)
  const recognizer = new old.SpeechRecognizer(config, old.AudioConfig.fromWavFileInput(reference, 'old.wav'))
  const result = await new Promise<old.SpeechRecognitionResult>((done, failed) => recognizer.recognizeOnceAsync(done, failed))
  recognizer.close()
  expect(errorsIn(result.text)).toBe(0)
})

test("the SDK chooses dictation independently of the URL's mode", async () => {
  const config = configFor(at(command, 'interactive'), api.key)
  config.enableDictation()
  const client = openRecognizer(config, pushed(Buffer.concat([said, silence(1.5), said, silence(1)])))
  await client.all()
  expect(client.phrases().map(({ text }) => errorsIn(text))).toEqual([0, 0])
})

describe('the SDK sends audio', () => {
  test('from a push stream, at 16 kHz and 8 kHz', async () => {
    expect(errorsIn((await recognizeOnce(configFor(command, api.key), pushed(said))).result.text)).toBe(0)
    const half = Buffer.alloc(said.length / 2)
    for (let n = 0; n < half.length / 2; n++) half.writeInt16LE((said.readInt16LE(n * 4) + said.readInt16LE(n * 4 + 2)) / 2, n * 2)
    expect(errorsIn((await recognizeOnce(configFor(command, api.key), pushed(half, 8_000))).result.text)).toBeLessThanOrEqual(1)
  })

  test('from a pull stream', async () => {
    expect(errorsIn((await recognizeOnce(configFor(command, api.key), pulled(said))).result.text)).toBe(0)
  })
})

describe('continuous recognition', () => {
  test.each([
    ['of a conversation', () => configFor(talk, api.key)],
    ['at an endpoint for commands', () => sendAtOnce(configFor(command, api.key))],
    ['of a dictation', () => sendAtOnce(configFor(at(command, 'dictation'), api.key))],
  ])('%s tells everything in order, and when it is over', async (_, config) => {
    const recordings = librivoxRecordings().slice(0, 3)
    const samples = Buffer.concat(recordings.flatMap(({ wav }) => [samplesOf(wav), silence(1.2)]))
    const client = openRecognizer(config(), pushed(samples))
    await client.all()
    const text = recordings.map(({ text }) => text).join(' ')
    expect(countWordErrors(text, client.text()).errors).toBeLessThanOrEqual(4)
    expect(client.told[0]).toEqual({ kind: 'sessionStarted' })
    expect(client.told.at(-1)).toEqual({ kind: 'sessionStopped' })
    expect(client.of('canceled')).toMatchObject([{ reason: 'EndOfStream' }])
    const phrases = client.phrases()
    expect(phrases.length).toBeGreaterThanOrEqual(3)
    for (const [n, phrase] of phrases.entries()) {
      if (n > 0) expect(phrase.offset).toBeGreaterThanOrEqual((phrases[n - 1]?.offset ?? 0) + (phrases[n - 1]?.duration ?? 0) - 0.01)
    }
  })

  test('reports the right offset of each phrase within a turn and across turns', async () => {
    const samples = Buffer.concat([silence(2), said, silence(2), said, silence(2), said, silence(1)])
    const length = said.length / 32_000
    for (const url of [talk, command]) {
      const client = openRecognizer(sendAtOnce(configFor(url, api.key)), pushed(samples))
      await client.all()
      const phrases = client.phrases()
      expect(phrases).toHaveLength(3)
      for (const [n, { offset, duration }] of phrases.entries()) {
        const begin = 2 + n * (length + 2)
        // Our recording begins and ends with some silence.
        expect(Math.abs(offset - (begin + leading))).toBeLessThan(0.15)
        expect(Math.abs(offset + duration - (begin + length - trailing))).toBeLessThan(0.15)
      }
    }
  })

  test('returns the text so far when it stops in mid-speech', async () => {
    const { audio } = microphone(Buffer.concat([said, said, said]))
    const client = openRecognizer(configFor(command, api.key), audio)
    await client.start()
    await client.until(() => client.of('recognizing').some(({ text }) => text.includes('river')))
    await client.stop()
    expect(client.phrases().length).toBeGreaterThan(0)
    expect(client.text()).toMatch(/^We walked/)
  })

  test('releases its slot when it is closed in mid-speech', async () => {
    const { audio } = microphone(Buffer.concat([said, said, said]))
    const client = openRecognizer(configFor(talk, api.key), audio)
    await client.start()
    await client.until(() => client.of('speechStart').length > 0)
    await client.close()
    expect(errorsIn((await recognizeOnce(configFor(talk, api.key), reference)).result.text)).toBe(0)
  })
})

describe('answers', () => {
  test('the SDK reports silence as NoMatch', async () => {
    const { reason } = await recognizeOnce(configFor(command, api.key), pushed(silence(2)))
    expect(reason).toBe('NoMatch')
    expect((await recognizeOnce(configFor(talk, api.key), pushed(silence(2)))).reason).toBe('NoMatch')
  })
})
