// The life of a session, without a network.
import { describe, expect, test } from 'vitest'
import { ProblemError } from '../../src/http/problem.ts'
import { RecognizerCrashedError } from '../../src/recognition/recognizer-errors.ts'
import { referenceRecording } from '../support/service.ts'
import { openSession } from '../support/speech-session.ts'

const reference = referenceRecording()
/** The same as a live stream: its header promises no length, so that only an empty message is its end. */
const live = Buffer.from(reference)
live.writeUInt32LE(0, 40)

describe('a session', () => {
  test('sends its refusal after five seconds of silence and does not count it again', () => {
    const { pass, socket, figures } = openSession({ problem: new ProblemError(404, 'ENDPOINT_NOT_FOUND', 'There is none.') })
    pass(4)
    expect(socket.closed).toBeUndefined()
    pass(2)
    expect(socket.closed).toEqual({ code: 1007, reason: 'ENDPOINT_NOT_FOUND: There is none.' })
    expect([...figures.problems]).toEqual([])
  })

  test('ends after three idle minutes with the normal code, which native clients do not report', () => {
    const { pass, socket, figures } = openSession()
    pass(179)
    expect(socket.closed).toBeUndefined()
    pass(2)
    expect(socket.closed).toMatchObject({ code: 1000, reason: expect.stringMatching(/^IDLE/) })
    expect(figures.problems.get('IDLE')).toBe(1)
  })

  test('releases its slot ten seconds after a turn', async () => {
    const { pass, audio, socket, streams, settled, places } = openSession()
    audio('a', reference)
    audio('a', Buffer.alloc(0))
    await settled()
    streams[0]?.listener.event({ kind: 'ENDED', heard: 1 })
    pass(5)
    expect(places.taken).toBe(1)
    pass(10)
    expect(places.taken).toBe(0)
    audio('b', reference)
    expect(places.taken).toBe(1)
    expect(socket.closed).toBeUndefined()
  })

  test('ends when audio arrives too slowly', async () => {
    const { pass, audio, socket, places } = openSession()
    audio('a', reference.subarray(0, 100))
    for (let n = 0; n < 200 && !socket.closed; n++) {
      pass(1)
      audio('a', Buffer.alloc(2))
    }
    expect(socket.closed).toMatchObject({ code: 1001, reason: expect.stringMatching(/^AUDIO_TOO_SLOW/) })
    expect(places.taken).toBe(0)
  })

  test('ends when the peer does not read', () => {
    const { pass, socket, figures } = openSession()
    socket.bufferedAmount = 2 << 20
    pass(1)
    expect(socket.isTerminated).toBe(true)
    expect(figures.problems.get('SLOW_READER')).toBe(1)
  })

  test('ends when the recognizer stops answering', async () => {
    const { pass, audio, socket, streams, settled } = openSession()
    audio('a', reference)
    audio('a', Buffer.alloc(0))
    await settled()
    expect(streams[0]?.isFinished).toBe(true)
    pass(92)
    expect(socket.closed).toMatchObject({ code: 1007, reason: expect.stringMatching(/^RECOGNITION_TIMEOUT/) })
    expect(streams[0]?.isClosed).toBe(true)
  })
})

describe('a turn whose WAV header announces a length', () => {
  test('ends two seconds after that length without an end message', async () => {
    const { audio, pass, settled, streams, socket } = openSession()
    audio('a', reference.subarray(0, 30_000))
    await settled()
    pass(10)
    expect(streams[0]?.isFinished).toBe(false)
    audio('a', reference.subarray(30_000))
    pass(2)
    expect(streams[0]?.isFinished).toBe(false)
    pass(1)
    expect(streams[0]?.isFinished).toBe(true)
    streams[0]?.listener.event({ kind: 'ENDED', heard: 1 })
    expect(socket.sent.at(-1)).toContain('Path:turn.end')
  })

  test('recognizes audio after that length and continues while it arrives', async () => {
    const { audio, pass, settled, streams } = openSession()
    audio('a', reference)
    await settled()
    for (let n = 0; n < 20; n++) {
      pass(1)
      audio('a', Buffer.alloc(32_000))
    }
    expect(streams[0]?.written).toBe(reference.length - 44 + 20 * 32_000)
    expect(streams[0]?.isFinished).toBe(false)
    pass(3)
    expect(streams[0]?.isFinished).toBe(true)
  })

  test('does not end when the length is a placeholder', async () => {
    const { audio, pass, settled, streams, socket } = openSession()
    const placeholder = Buffer.from(reference)
    placeholder.writeUInt32LE(0x7fff_f000, 40)
    audio('a', placeholder)
    await settled()
    pass(100)
    expect(streams[0]?.isFinished).toBe(false)
    expect(socket.closed).toBeUndefined()
    audio('a', Buffer.alloc(0))
    expect(streams[0]?.isFinished).toBe(true)
  })

  test('fails with RECOGNIZER_CRASHED after repeated crashes, because the client does not repeat its audio', async () => {
    const { audio, streams, settled, socket } = openSession()
    audio('a', reference)
    for (let n = 0; n < 3; n++) {
      await settled()
      streams[n]?.listener.failed(new RecognizerCrashedError('It ended.'))
    }
    expect(socket.closed).toMatchObject({ code: 1007, reason: expect.stringMatching(/^RECOGNIZER_CRASHED/) })
  })
})

test('a continuous turn sends speech.endDetected only at its end, because native clients stop their microphone at it', async () => {
  const { audio, streams, settled, socket } = openSession()
  audio('a', live)
  await settled()
  const said = (kind: 'SPEECH_START' | 'SPEECH_END', offset: number) => streams[0]?.listener.event({ kind, offset })
  for (const n of [1, 2, 3]) {
    said('SPEECH_START', n * 16_000)
    streams[0]?.listener.event({ kind: 'NO_MATCH', offset: n * 16_000, duration: 8_000 })
    said('SPEECH_END', n * 16_000 + 8_000)
  }
  expect(socket.sent.filter((message) => message.includes('Path:speech.endDetected'))).toHaveLength(0)
  audio('a', Buffer.alloc(0))
  streams[0]?.listener.event({ kind: 'ENDED', heard: 60_000 })
  expect(socket.sent.map((message) => /Path:(\S+)/.exec(message)?.[1])).toEqual([
    'turn.start',
    'speech.startDetected',
    'speech.phrase',
    'speech.phrase',
    'speech.phrase',
    'speech.endDetected',
    'speech.phrase',
    'turn.end',
  ])
  expect(socket.sent.at(-3)).toContain(`{"Offset":${(3 * 16_000 + 8_000) * 625}}`)
})

test('a turn of more than ten minutes ends after a phrase, so that the client can release its audio', async () => {
  const { audio, streams, settled, socket } = openSession()
  const header = Buffer.from(reference.subarray(0, 44))
  header.writeUInt32LE(0, 40)
  audio('a', header)
  for (let n = 0; n < 605; n++) audio('a', Buffer.alloc(32_000))
  await settled()
  const noMatch = (seconds: number) => streams[0]?.listener.event({ kind: 'NO_MATCH', offset: 0, duration: seconds * 16_000 })
  noMatch(604)
  expect(socket.sent.at(-1)).toContain('Path:turn.end')
  expect(streams[0]?.isClosed).toBe(true)
})

test('a server that shuts down disconnects clients between two phrases, except clients that have sent all audio', async () => {
  const open = openSession()
  open.audio('a', live)
  await open.settled()
  open.session.leave()
  expect(open.socket.closed).toBeUndefined()
  open.streams[0]?.listener.event({ kind: 'NO_MATCH', offset: 0, duration: 1 })
  expect(open.socket.closed).toMatchObject({ code: 1001 })

  const waiting = openSession()
  waiting.audio('a', reference)
  waiting.audio('a', Buffer.alloc(0))
  await waiting.settled()
  waiting.session.leave()
  waiting.streams[0]?.listener.event({ kind: 'NO_MATCH', offset: 0, duration: 1 })
  expect(waiting.socket.closed).toBeUndefined()
  waiting.session.leaveNow()
  expect(waiting.socket.closed).toMatchObject({ code: 1007, reason: expect.stringMatching(/^SERVER_ENDING/) })
})
