// How sessions live and end, without a network.
import { describe, expect, test, vi } from 'vitest'
import { RecognizerCrashedError } from '../../src/recognition/recognizer-errors.ts'
import type { StreamRequest } from '../../src/recognition/recognizer-stream.ts'
import { SpeechProblem } from '../../src/speech/problem.ts'
import { openResumableStream } from '../../src/speech/resumable-stream.ts'
import { referenceRecording } from '../support/service.ts'
import { fakeRecognizers, openSession } from '../support/speech-session.ts'

const reference = referenceRecording()
/** The same as a live stream: its header promises no length, so that only an empty message is its end. */
const live = Buffer.from(reference)
live.writeUInt32LE(0, 40)

describe('a session ends by name', () => {
  test('when it is refused and the client says nothing; the refusal was counted before', () => {
    const { pass, socket, figures } = openSession({ problem: new SpeechProblem(404, 'ENDPOINT_NOT_FOUND', 'There is none.') })
    pass(4)
    expect(socket.closed).toBeUndefined()
    pass(2)
    expect(socket.closed).toEqual({ code: 1007, reason: 'ENDPOINT_NOT_FOUND: There is none.' })
    expect([...figures.problems]).toEqual([])
  })

  test('when nothing is sent for three minutes, with the normal code, which native clients do not report', () => {
    const { pass, socket, figures } = openSession()
    pass(179)
    expect(socket.closed).toBeUndefined()
    pass(2)
    expect(socket.closed).toMatchObject({ code: 1000, reason: expect.stringMatching(/^IDLE/) })
    expect(figures.problems.get('IDLE')).toBe(1)
  })

  test('but gives its place back some seconds after a turn', async () => {
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

  test('when audio drips', async () => {
    const { pass, audio, socket, places } = openSession()
    audio('a', reference.subarray(0, 100))
    for (let n = 0; n < 200 && !socket.closed; n++) {
      pass(1)
      audio('a', Buffer.alloc(2))
    }
    expect(socket.closed).toMatchObject({ code: 1001, reason: expect.stringMatching(/^AUDIO_TOO_SLOW/) })
    expect(places.taken).toBe(0)
  })

  test('when the peer reads nothing', () => {
    const { pass, socket, figures } = openSession()
    socket.bufferedAmount = 2 << 20
    pass(1)
    expect(socket.isTerminated).toBe(true)
    expect(figures.problems.get('SLOW_READER')).toBe(1)
  })

  test('when the recognizer says nothing any more', async () => {
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

describe('a turn whose WAV header promised a length', () => {
  test('ends two seconds after that length, without a message that says so', async () => {
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

  test('hears what comes behind that length, and goes on while it comes', async () => {
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

  test('waits for as long as it takes when the length is a placeholder', async () => {
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

  test('is told in words when its recognizer ends again and again, since nothing is sent anew', async () => {
    const { audio, streams, settled, socket } = openSession()
    audio('a', reference)
    for (let n = 0; n < 3; n++) {
      await settled()
      streams[n]?.listener.failed(new RecognizerCrashedError('It ended.'))
    }
    expect(socket.closed).toMatchObject({ code: 1007, reason: expect.stringMatching(/^RECOGNIZER_CRASHED/) })
  })
})

test('a continuous turn tells its client to send no more only when it ends, since native clients mute themselves then', async () => {
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

describe('a recognizer', () => {
  test('that ends is replaced, and hears again what had no phrase yet', async () => {
    const { audio, streams, settled, socket } = openSession()
    audio('a', reference)
    await settled()
    const words = { display: 'We walked.', lexical: 'we walked', confidence: 1, offset: 8_000, duration: 8_000, alternatives: [] }
    streams[0]?.listener.event({ kind: 'PHRASE', phrase: words })
    streams[0]?.listener.failed(new RecognizerCrashedError('It ended.'))
    await settled()
    expect(streams).toHaveLength(2)
    expect(streams[1]?.written).toBe(reference.length - 44 - 32_000)
    streams[1]?.listener.event({ kind: 'PHRASE', phrase: { ...words, offset: 100 } })
    expect(socket.sent.at(-1)).toContain(`"Offset":${(16_000 + 100) * 625}`)
    expect(socket.closed).toBeUndefined()
  })

  test('that replaces another in the middle of a phrase takes no hypothesis back', async () => {
    const { audio, streams, settled, socket } = openSession()
    audio('a', reference)
    await settled()
    const show = (n: number, text: string) => streams[n]?.listener.event({ kind: 'HYPOTHESIS', text, offset: 8_000, duration: 4_000 * text.split(' ').length })
    const shown = () => socket.sent.flatMap((message) => /"Text":"([^"]*)"/.exec(message)?.[1] ?? [])
    for (const text of ['we', 'we walked along']) show(0, text)
    streams[0]?.listener.failed(new RecognizerCrashedError('It ended.'))
    await settled()
    for (const text of ['we', 'we walked', 'we walked along the']) show(1, text)
    expect(shown()).toEqual(['we', 'we walked along', 'we walked along the'])
    streams[1]?.listener.event({ kind: 'SPEECH_END', offset: 24_000 })
    show(1, 'and')
    expect(shown().at(-1)).toBe('and')
  })

  test('that ends again and again sends the client away, who then sends it all anew', async () => {
    const { audio, streams, settled, socket } = openSession()
    audio('a', live)
    for (let n = 0; n < 3; n++) {
      await settled()
      streams[n]?.listener.failed(new RecognizerCrashedError('It ended.'))
    }
    expect(socket.closed).toMatchObject({ code: 1011 })
  })

  test('that ends again and again is told in words to a client who would not send anew', async () => {
    const { audio, streams, settled, socket } = openSession()
    audio('a', reference)
    audio('a', Buffer.alloc(0))
    for (let n = 0; n < 3; n++) {
      await settled()
      streams[n]?.listener.failed(new RecognizerCrashedError('It ended.'))
    }
    expect(socket.closed).toMatchObject({ code: 1007, reason: expect.stringMatching(/^RECOGNIZER_CRASHED/) })
  })

  test('that ends when all places are taken is waited for anew, with all that had no phrase yet', async () => {
    const room = Promise.withResolvers<void>()
    const knobs: Parameters<typeof fakeRecognizers>[0] = {}
    const { recognizers, streams, settled } = fakeRecognizers(knobs)
    const failed = vi.fn()
    const request = { format: { sampleRate: 16_000, channels: 1 } } as StreamRequest
    const stream = openResumableStream(recognizers, request, { event() {}, drained() {}, failed }, 500)
    await settled()
    stream.write(reference.subarray(0, 40_000))
    knobs.room = room.promise
    streams[0]?.listener.failed(new RecognizerCrashedError('It ended.'))
    await settled()
    stream.write(reference.subarray(40_000, 50_000))
    expect(streams).toHaveLength(1)
    room.resolve()
    await settled()
    expect(streams.map(({ written }) => written)).toEqual([40_000, 50_000])
    // It was in before those that wait.
    expect(streams.map(({ patience }) => patience)).toMatchObject([
      { waitMs: 500, isResumed: false },
      { waitMs: 500, isResumed: true },
    ])
    expect(failed).not.toHaveBeenCalled()
    stream.close()
    expect(streams[1]?.patience?.signal?.aborted).toBe(true)
  })

  test('that is behind is given all anew that it may not have heard yet, when it ends', async () => {
    const { recognizers, streams, settled } = fakeRecognizers({ full: true })
    const request = { format: { sampleRate: 16_000, channels: 1 } } as StreamRequest
    const stream = openResumableStream(recognizers, request, { event() {}, drained() {}, failed() {} }, 500)
    await settled()
    stream.write(Buffer.alloc(32_000 * 32))
    streams[0]?.listener.failed(new RecognizerCrashedError('It ended.'))
    await settled()
    expect(streams[1]?.written).toBe(32_000 * 32)
    streams[1]?.listener.drained()
    streams[1]?.listener.failed(new RecognizerCrashedError('It ended.'))
    await settled()
    expect(streams[2]?.written).toBe(32_000 * 10)
    stream.close()
  })

  test('that is behind has the client wait', async () => {
    const { audio, settled, socket, streams } = openSession({ full: true })
    audio('a', reference.subarray(0, 10_000))
    await settled()
    audio('a', reference.subarray(10_000))
    expect(socket.isPaused).toBe(true)
    streams[0]?.listener.drained()
    expect(socket.isPaused).toBe(false)
  })

  test('that has no room is waited for, then the client is told', async () => {
    const { audio, socket } = openSession({ busy: true })
    audio('a', reference)
    expect(socket.sent).toHaveLength(1)
    await expect.poll(() => socket.sent.length, { timeout: 9_000 }).toBe(3)
    expect(socket.sent[1]).toContain('TooManyRequests')
    expect(socket.sent[2]).toContain('Path:turn.end')
  })
})

test('a turn of more than ten minutes ends behind a phrase, so that the client may forget its audio', async () => {
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

test('a server that ends sends clients away between two phrases, but not those who have sent everything', async () => {
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
