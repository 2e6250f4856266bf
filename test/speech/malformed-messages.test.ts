// Messages that violate the protocol.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestService, referenceRecording, type Service } from '../support/service.ts'
import { openSocket } from '../support/speech-socket.ts'

let api: Service
let url: string
beforeAll(async () => {
  api = await openTestService()
  url = (await api.deployEndpoint()).webSocketUrl
})
afterAll(() => api.close())

const reference = referenceRecording()

describe('a malformed message ends the session with the reason:', () => {
  const frame = (headers: string, length = headers.length) => Buffer.concat([Buffer.from([length >> 8, length & 255]), Buffer.from(headers, 'latin1')])
  test.each<[string, Buffer | string, RegExp]>([
    ['text without an empty line', 'Path: speech.config', /no empty line/],
    ['no path', 'X-RequestId: 1\r\n\r\n{}', /no header Path/],
    ['no request id', 'Path: speech.context\r\n\r\n{}', /no header X-RequestId/],
    ['no JSON', 'Path: speech.context\r\nX-RequestId: 1\r\n\r\n{', /not JSON/],
    ['audio as text', 'Path: audio\r\nX-RequestId: 1\r\n\r\nabc', /must be binary/],
    ['a text of many bytes', `Path: speech.context\r\nX-RequestId: 1\r\n\r\n${' '.repeat(200_000)}{}`, /Send at most/],
    ['one byte', Buffer.from([1]), /shorter than 2 bytes/],
    ['headers longer than the frame', frame('Path: audio\r\n', 5_000), /longer than the message/],
    [
      'audio that is none',
      Buffer.concat([frame('Path: audio\r\nX-RequestId: 1\r\n'), Buffer.from(`%PDF-1.7\n${'%'.repeat(100)}`)]),
      /UNSUPPORTED_AUDIO: This is a PDF/,
    ],
  ])('%s', async (_, message, words) => {
    const socket = await openSocket(url, api.key)
    socket.socket.send(message)
    const { code, reason } = await socket.closed
    expect(code).toBe(1007)
    expect(reason).toMatch(words)
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123)
  })

  test('a message of megabytes', async () => {
    const socket = await openSocket(url, api.key)
    socket.socket.send(Buffer.alloc(3 << 20))
    expect((await socket.closed).code).toBe(1009)
  })

  test('a thousand turns on one socket do not harm the next turn', async () => {
    const socket = await openSocket(url, api.key)
    for (let n = 0; n < 1_000; n++) socket.audio(n.toString(16).padStart(32, '0'), reference.subarray(0, 2_000))
    socket.audio('f'.repeat(32), reference)
    socket.audio('f'.repeat(32), Buffer.alloc(0))
    await socket.until(/f{32}[\s\S]*turn.end/)
    expect(socket.received.join('\n')).toMatch(/We walked along the river/)
    socket.socket.close()
  })
})
