// Frames as the native SDK, the protocol's page and other public clients write them, at the socket.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { at, binary, dashed, end, id, live, nativeAudio, nativeConfig, nativeContext, reference } from '../support/native-frames.ts'
import { readNativeClose } from '../support/native-reader.ts'
import { openTestService, referenceText, type Service } from '../support/service.ts'
import { openSocket } from '../support/speech-socket.ts'

let api: Service
let url: string
beforeAll(async () => {
  api = await openTestService()
  url = (await api.deployEndpoint()).webSocketUrl
})
afterAll(() => api.close())

const pieces = (wav: Buffer) => Array.from({ length: Math.ceil(wav.length / 32_000) }, (_, n) => wav.subarray(n * 32_000, (n + 1) * 32_000))

/** Sends the frames and returns the results of the turn with this id. */
async function recognize(frames: (string | Buffer)[], requestId = id) {
  const client = await openSocket(url, api.key)
  for (const frame of frames) client.socket.send(frame)
  await Promise.race([
    client.until(new RegExp(`X-RequestId:${requestId}[\\s\\S]*Path:turn.end`)),
    client.closed.then(({ reason }) => Promise.reject(new Error(reason))),
  ])
  client.socket.close()
  const phrases = client.bodies('speech.phrase')
  return {
    ...client,
    phrases,
    text: phrases
      .map(({ DisplayText }) => DisplayText)
      .join(' ')
      .trim(),
  }
}

async function expectReference(frames: (string | Buffer)[], requestId = id) {
  expect(countWordErrors(referenceText, (await recognize(frames, requestId)).text).errors).toBe(0)
}

describe("the native SDK's frames are accepted:", () => {
  test('speech.config without a request id, headers without blanks, a stream id, an empty message as the end', async () => {
    const [first, ...rest] = pieces(live) as [Buffer, ...Buffer[]]
    await expectReference([
      nativeConfig,
      nativeContext({ phraseDetection: { mode: 'CONVERSATION', language: 'en-US' }, audio: { streams: { 1: null } } }),
      nativeAudio(first, 'Content-Type:audio/x-wav\r\n'),
      ...rest.map((piece) => nativeAudio(piece)),
      nativeAudio(Buffer.alloc(0)),
    ])
  })

  test('the mode INTERACTIVE, which ends after one phrase', async () => {
    const long = Buffer.concat([live, Buffer.alloc(64_000), live.subarray(44)])
    const { phrases, received } = await recognize([
      nativeConfig,
      nativeContext({ phraseDetection: { mode: 'INTERACTIVE' } }),
      ...pieces(long).map((piece) => nativeAudio(piece)),
    ])
    expect(phrases).toHaveLength(1)
    expect(received.filter((message) => message.includes('Path:speech.endDetected'))).toHaveLength(1)
  })

  test('a phrase list with capitalized keys, up to the maximum length', async () => {
    const list = (count: number) => ({
      dgi: { Groups: [{ Type: 'Generic', Items: Array.from({ length: count }, (_, n) => ({ Text: `phrase ${n}` })) }], bias: 1 },
    })
    await expectReference([nativeConfig, nativeContext(list(2)), nativeAudio(live), nativeAudio(Buffer.alloc(0))])
    await expect(recognize([nativeConfig, nativeContext(list(501)), nativeAudio(live)])).rejects.toThrow(/PHRASE_LIST_TOO_LONG/)
  })

  test('the format Detailed', async () => {
    const { phrases } = await recognize([
      nativeContext({ phraseOutput: { format: 'Detailed', detailed: { options: ['WordTimings', 'WordConfidence', 'SNR'] } } }),
      nativeAudio(live),
      nativeAudio(Buffer.alloc(0)),
    ])
    expect(phrases[0].NBest[0].Display).toBe(phrases[0].DisplayText)
  })

  test('silence, with a phrase before the end of the turn', async () => {
    const { phrases } = await recognize([nativeConfig, nativeAudio(Buffer.concat([live.subarray(0, 44), Buffer.alloc(32_000)])), nativeAudio(Buffer.alloc(0))])
    expect(phrases).toMatchObject([{ RecognitionStatus: 'InitialSilenceTimeout' }])
  })

  test('the subprotocol USP', async () => {
    const { socket } = await openSocket(url, api.key, ['USP'])
    expect(socket.protocol).toBe('USP')
    socket.close()
  })

  test('a refusal, which the native SDK shows and does not retry', async () => {
    const { socket, closed } = await openSocket(url, 'cs_wrong-wrong-wrong-wrong-wrong')
    socket.send(nativeConfig)
    const { code, reason } = await closed
    expect(readNativeClose(code, reason)).toEqual({
      details: expect.stringMatching(/^Connection was closed by the remote host\. Error code: 1007\. Error details: KEY_INVALID: This key or token is unknown/),
      isRetried: false,
    })
  })

  test('the paths of containers', async () => {
    const cid = new URL(url).searchParams.get('cid')
    for (const path of ['/speech/universal/v2', '/stt/speech/universal/v2']) {
      const { socket, until } = await openSocket(`${api.localUrl.replace('http', 'ws')}${path}?cid=${cid}`, api.key)
      for (const frame of [nativeConfig, nativeAudio(live), nativeAudio(Buffer.alloc(0))]) socket.send(frame)
      await until(/Path:turn.end/)
      socket.close()
    }
  })
})

describe('the server recognizes the end of the audio', () => {
  test('without an empty message, if the WAV header announces a length', async () => {
    await expectReference([nativeConfig, nativeAudio(reference)])
  })

  test('after audio beyond the announced length', async () => {
    const { text } = await recognize([
      nativeContext({ phraseDetection: { mode: 'CONVERSATION' } }),
      nativeAudio(reference),
      ...pieces(Buffer.concat([Buffer.alloc(48_000), reference.subarray(44)])).map((piece) => nativeAudio(piece)),
    ])
    expect(countWordErrors(`${referenceText} ${referenceText}`, text).errors).toBe(0)
  })

  test('at a silence, if the client asks for one phrase', async () => {
    const { phrases } = await recognize([nativeContext({ phraseDetection: { mode: 'INTERACTIVE' } }), nativeAudio(Buffer.concat([live, Buffer.alloc(96_000)]))])
    expect(phrases).toMatchObject([{ RecognitionStatus: 'Success' }])
  })
})

const context = (head: string, body = '{"phraseDetection":{"mode":"Conversation"}}') => `${head}${body}`

describe('unusual but legal frames are accepted:', () => {
  test.each<[string, (string | Buffer)[], string?]>([
    ['audio first, nothing else', [nativeAudio(live), end]],
    ['header names in lower case', [context(`x-requestid: ${id}\r\npath: speech.context\r\n\r\n`), binary(`path: audio\r\nx-requestid: ${id}\r\n`, live), end]],
    ['header names in capitals', [binary(`PATH:audio\r\nX-REQUESTID:${id}\r\nCONTENT-TYPE:audio/x-wav\r\n`, live), end]],
    [
      'spaces and tabs around values',
      [context(`Path:   Speech.Context  \r\nX-RequestId:\t${id} \r\n\r\n`), binary(`Path:  audio \r\nX-RequestId:   ${id}\r\n`, live), end],
    ],
    ['lines that end with LF', [context(`Path:speech.context\nX-RequestId:${id}\n\n`), binary(`Path:audio\nX-RequestId:${id}\n`, live), end]],
    ['unknown headers', [context(`Path:speech.context\r\nX-RequestId:${id}\r\nX-Wish: none\r\nconstructor: 1\r\nno colon\r\n\r\n`), nativeAudio(live), end]],
    ['Path in other case', [binary(`Path: Audio\r\nX-RequestId: ${id}\r\n`, live), end]],
    ['an empty line behind the headers of audio', [binary(`Path:audio\r\nX-RequestId:${id}\r\n\r\n`, live), end]],
    ['no line end behind the headers of audio', [binary(`Path:audio\r\nX-RequestId:${id}`, live), end]],
    [
      'an id with dashes',
      [binary(`Path:audio\r\nX-RequestId:${dashed}\r\n`, live), binary(`Path:audio\r\nX-RequestId:${dashed}\r\n`, Buffer.alloc(0))],
      dashed,
    ],
    ['speech.config twice', [nativeConfig, nativeConfig, nativeAudio(live), end]],
    ['speech.config between audio', [nativeConfig, nativeAudio(live.subarray(0, 40_000)), nativeConfig, nativeAudio(live.subarray(40_000)), end]],
    ['speech.config without a body', ['Path:speech.config\r\n\r\n', nativeAudio(live), end]],
    ['speech.config with a request id of its own', [`Path: speech.config\r\nX-RequestId: ${dashed}\r\n\r\n{}`, nativeAudio(live), end]],
    ['speech.context without a body', [`Path:speech.context\r\nX-RequestId:${id}\r\n\r\n`, nativeAudio(live), end]],
    [
      'messages of no concern to recognition',
      [
        nativeConfig,
        `Path:speech.event\r\nX-RequestId:${id}\r\n\r\n{"id":"1","name":"start"}`,
        `Path:telemetry\r\nX-RequestId:${id}\r\n\r\nno JSON`,
        'Path:event\r\n\r\n',
        'Path:speech.agent',
        `Path:constructor\r\nX-RequestId:{braces}\r\n\r\n`,
        nativeAudio(live),
        `${at}\r\nPath:audio.commit\r\nX-RequestId:${id}\r\nX-Client-Commit-Token:1\r\n\r\n`,
        end,
      ],
    ],
  ])('%s', async (_, frames, requestId) => {
    await expectReference(frames, requestId)
  })

  test('speech.config between two turns', async () => {
    const second = 'f'.repeat(32)
    const client = await openSocket(url, api.key)
    for (const frame of [nativeConfig, nativeAudio(live), end]) client.socket.send(frame)
    await client.until(/Path:turn.end/)
    client.socket.send(nativeConfig)
    client.audio(second, live)
    client.audio(second, Buffer.alloc(0))
    await client.until(new RegExp(`${second}[\\s\\S]*Path:turn.end`))
    expect(
      countWordErrors(
        `${referenceText} ${referenceText}`,
        client
          .bodies('speech.phrase')
          .map(({ DisplayText }) => DisplayText)
          .join(' '),
      ).errors,
    ).toBe(0)
    client.socket.close()
  })
})

test('results contain no annotations by default', async () => {
  const { phrases } = await recognize([nativeAudio(live), end])
  expect(phrases[0]).not.toHaveProperty('PrimaryLanguage')
  expect(phrases[0]).not.toHaveProperty('SpeakerId')
})
