// Requests for features that an endpoint does not have, at the socket and over HTTP.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binary, dashed, end, id, live, nativeAudio, nativeConfig, nativeContext, reference } from '../support/native-frames.ts'
import { openTestService, type Service } from '../support/service.ts'
import { openSocket } from '../support/speech-socket.ts'

let api: Service
let url: string
beforeAll(async () => {
  api = await openTestService()
  url = (await api.deployEndpoint()).webSocketUrl
})
afterAll(() => api.close())

describe('the server refuses', () => {
  const to = (path: string) => () => `${api.localUrl.replace('http', 'ws')}${path}`
  test.each<[string, () => string, string | Buffer, RegExp]>([
    [
      'an id in braces',
      () => url,
      binary(`Path:audio\r\nX-RequestId:{${dashed}}\r\n`, live),
      /PROTOCOL_VIOLATION: The X-RequestId of audio is invalid\. .*without braces/,
    ],
    ['speech.config with an id in braces', () => url, `Path:speech.config\r\nX-RequestId:{${dashed}}\r\n\r\n{}`, /without braces/],
    ['audio without an id', () => url, binary('Path:audio\r\n', live), /The audio message has no header X-RequestId/],
    ['ssml', () => url, `Path:ssml\r\nX-RequestId:${id}\r\n\r\n<speak/>`, /FEATURE_NOT_SUPPORTED: This endpoint does not synthesize/],
    ['synthesis.context', () => url, `Path:synthesis.context\r\nX-RequestId:${id}\r\n\r\n{"synthesis":{}}`, /does not synthesize/],
    [
      'the event with which a meeting starts',
      () => url,
      `Path:speech.event\r\nX-RequestId:${id}\r\n\r\n{"id":"meeting","name":"start","meeting":{"attendees":[]}}`,
      /does not identify meeting participants/,
    ],
    ['an agent message', () => url, `Path:agent\r\nX-RequestId:${id}\r\n\r\n{}`, /does not run dialogs/],
    ['a translation section', () => url, nativeContext({ translation: { targetLanguages: ['de'] } }), /does not translate/],
    ['a translation action', () => url, nativeContext({ phraseDetection: { onSuccess: { action: 'Translate' } } }), /does not translate/],
    [
      'pronunciation assessment',
      () => url,
      nativeContext({ phraseDetection: { enrichment: { pronunciationAssessment: { referenceText: 'a' } } } }),
      /does not assess pronunciation/,
    ],
    ['intents', () => url, nativeContext({ intent: { provider: 'LUIS', id: 'a' } }), /does not recognize intents/],
    [
      'language detection alone',
      () => url,
      nativeContext({ languageId: { languages: ['en-US'], onSuccess: { action: 'None' } }, phraseDetection: { mode: 'None' } }),
      /does not detect languages/,
    ],
    [
      'translation by the host, without a cid',
      to('/stt/speech/universal/v2'),
      nativeContext({ translation: { targetLanguages: ['de'] } }),
      /does not translate/,
    ],
    ['recognition by the host, without a cid', to('/stt/speech/universal/v2'), nativeContext({}), /ENDPOINT_NOT_FOUND/],
    ['no more than speech.config, without a cid', to('/stt/speech/universal/v2'), nativeConfig, /ENDPOINT_NOT_FOUND/],
    ['the path of translation', to('/speech/translation/cognitiveservices/v1?from=en-US&to=de'), nativeConfig, /does not translate/],
    ['a path of synthesis', to('/cognitiveservices/websocket/v1'), nativeConfig, /does not synthesize/],
    ['another path of synthesis', to('/tts/cognitiveservices/websocket/v1'), nativeConfig, /does not synthesize/],
    ['the path of meetings', to('/speech/recognition/multiaudio'), nativeConfig, /does not identify meeting participants/],
    ['the path of dialogs', to('/api/v3'), nativeConfig, /does not run dialogs/],
    ['the path of commands', to('/commands/api/v1'), nativeConfig, /does not run dialogs/],
    ['a path that is none', to('/speech/recognition/conversation/cognitiveservices/v9'), nativeConfig, /UNKNOWN_PATH: .*webSocketUrl/],
  ])('%s', async (_, address, frame, words) => {
    const { socket, closed, received } = await openSocket(address(), api.key)
    socket.send(frame)
    const { code, reason } = await closed
    expect([code, reason]).toEqual([1007, expect.stringMatching(words)])
    expect(Buffer.byteLength(reason)).toBeLessThan(123)
    expect(received).toEqual([])
  })

  test('the query parameters of the oldest SDK choose among languages', async () => {
    const german = await openSocket(`${url}&lidEnabled=true&language=de-DE,fr-FR`, api.key)
    german.socket.send(nativeAudio(live))
    expect((await german.closed).reason).toMatch(/LANGUAGE_NOT_AVAILABLE: This endpoint recognizes en-US, which is not among de-DE, fr-FR/)
    const english = await openSocket(`${url}&lidEnabled=true&language=de-DE,en-US`, api.key)
    for (const frame of [nativeAudio(live), end]) english.socket.send(frame)
    await english.until(/Path:turn.end/)
    expect(english.bodies('speech.phrase')[0]).toMatchObject({ PrimaryLanguage: { Language: 'en-US', Confidence: 'Unknown' } })
    english.socket.close()
  })

  test('the server refuses synthesis over HTTP', async () => {
    for (const path of ['/cognitiveservices/v1', '/tts/cognitiveservices/v1', '/tts/cognitiveservices/voices/list']) {
      const response = await fetch(`${api.localUrl}${path}`, { method: 'POST', body: '<speak/>' })
      expect([response.status, await response.json()]).toMatchObject([400, { code: 'FEATURE_NOT_SUPPORTED' }])
    }
  })

  test('the server refuses pronunciation assessment over HTTP', async () => {
    const response = await api.post(url.replace('ws', 'http'), reference, { 'Pronunciation-Assessment': 'eyJSZWZlcmVuY2VUZXh0IjoiYSJ9' })
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'FEATURE_NOT_SUPPORTED' }])
  })
})
