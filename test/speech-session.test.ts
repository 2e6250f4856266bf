// Sessions and messages without a network: time is a number, the socket a list, the recognizer does as it is told.
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { ServedDeployment } from '../src/domain/endpoint.ts'
import {
  type Patience,
  RecognizerCrashedError,
  type Recognizers,
  RecognizersBusyError,
  type StreamListener,
  type StreamRequest,
} from '../src/recognition/recognizer.ts'
import { createFigures } from '../src/speech/figures.ts'
import { SpeechProblem } from '../src/speech/problem.ts'
import { createProfanityFilter } from '../src/speech/profanity.ts'
import { decode, encode, ProtocolViolation, toCloseReason } from '../src/speech/protocol.ts'
import { Session } from '../src/speech/session.ts'
import { openSteadyStream } from '../src/speech/steady-stream.ts'
import { silentLog } from './recognizers.ts'
import { referenceRecording } from './service.ts'

const reference = referenceRecording()

/** Recognizers that hear nothing: they say what the test has them say. */
function fakeRecognizers(knobs: { busy?: boolean; full?: boolean; room?: Promise<void> } = {}) {
  const streams: {
    patience: Patience | undefined
    listener: StreamListener
    request: StreamRequest
    written: number
    isFinished: boolean
    isClosed: boolean
  }[] = []
  const recognizers = {
    async open(request: StreamRequest, listener: StreamListener, patience?: Patience) {
      if (knobs.busy) throw new RecognizersBusyError('All places are taken.')
      await knobs.room
      const stream = { patience, listener, request, written: 0, isFinished: false, isClosed: false }
      streams.push(stream)
      return {
        write(pcm: Uint8Array) {
          stream.written += pcm.length
          return !knobs.full
        },
        finish() {
          stream.isFinished = true
        },
        close() {
          stream.isClosed = true
        },
      }
    },
  } as unknown as Recognizers
  return { recognizers, streams, settled: () => new Promise((done) => setImmediate(done)) }
}

function openSession({ problem, ...knobs }: { problem?: SpeechProblem; busy?: boolean; full?: boolean } = {}) {
  const fake = fakeRecognizers(knobs)
  const time = { now: 0 }
  const socket = {
    sent: [] as string[],
    closed: undefined as { code: number; reason: string } | undefined,
    isTerminated: false,
    isPaused: false,
    bufferedAmount: 0,
  }
  const served = { deployment: { id: 'd', locale: 'en-US' }, acousticModel: { scenario: 'CONVERSATIONAL' } } as ServedDeployment
  const model = { id: 'm' } as StreamRequest['model']
  const figures = createFigures()
  const places = { taken: 0 }
  const session = new Session(
    {
      send: (text) => socket.sent.push(text),
      close: (code, reason) => {
        socket.closed = { code, reason }
      },
      terminate: () => {
        socket.isTerminated = true
      },
      get bufferedAmount() {
        return socket.bufferedAmount
      },
      pause: () => {
        socket.isPaused = true
      },
      resume: () => {
        socket.isPaused = false
      },
    },
    problem ?? { id: 's', served, model, pathMode: 'conversation', query: new URLSearchParams() },
    {
      recognizers: fake.recognizers,
      filter: createProfanityFilter([]),
      figures,
      log: silentLog,
      now: () => time.now,
      enter() {
        places.taken++
        return () => places.taken--
      },
    },
  )
  return {
    ...fake,
    session,
    socket,
    figures,
    places,
    pass(seconds: number) {
      for (let n = 0; n < seconds; n++) {
        time.now += 1_000
        session.check()
      }
    },
    audio: (requestId: string, bytes: Buffer) => session.receive(audioMessage(requestId, bytes), true),
  }
}

function audioMessage(requestId: string, bytes: Buffer) {
  const headers = Buffer.from(`Path: audio\r\nX-RequestId: ${requestId}\r\n`)
  return Buffer.concat([Buffer.from([headers.length >> 8, headers.length & 255]), headers, bytes])
}

describe('a session ends by name', () => {
  test('when it is refused and the client says nothing', () => {
    const { pass, socket } = openSession({ problem: new SpeechProblem(404, 'ENDPOINT_NOT_FOUND', 'There is none.') })
    pass(4)
    expect(socket.closed).toBeUndefined()
    pass(2)
    expect(socket.closed).toEqual({ code: 1007, reason: 'ENDPOINT_NOT_FOUND: There is none.' })
  })

  test('when nothing is sent for three minutes', () => {
    const { pass, socket, figures } = openSession()
    pass(179)
    expect(socket.closed).toBeUndefined()
    pass(2)
    expect(socket.closed).toMatchObject({ code: 1001, reason: expect.stringMatching(/^IDLE/) })
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

  test('that ends again and again sends the client away, who then sends it all anew', async () => {
    const { audio, streams, settled, socket } = openSession()
    audio('a', reference)
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
    const stream = openSteadyStream(recognizers, request, { event() {}, drained() {}, failed }, 500)
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
    const stream = openSteadyStream(recognizers, request, { event() {}, drained() {}, failed() {} }, 500)
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
    expect(socket.sent[2]).toContain('Path: turn.end')
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
  expect(socket.sent.at(-1)).toContain('Path: turn.end')
  expect(streams[0]?.isClosed).toBe(true)
})

test('a server that ends sends clients away between two phrases, but not those who have sent everything', async () => {
  const open = openSession()
  open.audio('a', reference)
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

describe('messages', () => {
  test('any bytes are a message or a violation, and nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ maxLength: 300, unit: 'binary' })), fc.boolean(), (data, isBinary) => {
        try {
          decode(Buffer.from(data as Uint8Array), isBinary)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolViolation)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('of audio give back their bytes, whatever they are', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\w-]{1,64}$/), fc.uint8Array({ maxLength: 2_000 }), (requestId, bytes) => {
        expect(decode(audioMessage(requestId, Buffer.from(bytes)), true)).toEqual({ path: 'audio', requestId, audio: Buffer.from(bytes) })
      }),
    )
  })

  test('from the server carry the turn that they belong to', () => {
    expect(encode('abc', { path: 'turn.end' })).toBe('X-RequestId: abc\r\nContent-Type: application/json; charset=utf-8\r\nPath: turn.end\r\n\r\n')
  })

  test('a reason fits into a close frame, whatever its letters', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300, unit: 'grapheme' }), (text) => {
        const reason = toCloseReason(text)
        expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123)
        expect(reason).not.toContain('\uFFFD'.repeat(text.includes('\uFFFD') ? 200 : 1))
      }),
    )
  })
})

test.each([
  ['masked', 'What the ****, you *******!'],
  ['removed', 'What the, you!'],
  ['raw', 'What the fuck, you bastard!'],
] as const)('strong words are %s', (what, text) => {
  expect(createProfanityFilter([])('What the fuck, you bastard!', what)).toBe(text)
})

test('words that only contain a strong one are left alone', () => {
  const text = 'Scunthorpe, shiitake, Dickens, classic, assess, cockpit, bassist, ditch'
  expect(createProfanityFilter([])(text, 'masked')).toBe(text)
})
