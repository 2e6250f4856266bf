// A session without a network: the test sets the time, records the socket's messages and controls the recognizer.
import { expect, onTestFinished } from 'vitest'
import { openDecoders } from '../../src/audio/decoders.ts'
import type { ServedDeployment } from '../../src/domain/endpoint.ts'
import type { ProblemError } from '../../src/http/problem.ts'
import { RecognizersBusyError } from '../../src/recognition/recognizer-errors.ts'
import type { StreamListener, StreamRequest, WaitOptions } from '../../src/recognition/recognizer-stream.ts'
import type { Recognizers } from '../../src/recognition/recognizers-port.ts'
import { createCounters } from '../../src/speech/counters.ts'
import { createProfanityFilter } from '../../src/speech/profanity.ts'
import { Session } from '../../src/speech/session.ts'
import { explainFailure } from '../../src/speech/turn.ts'
import { createNativeReaders } from './native-reader.ts'

/** Recognizers whose events the test sends. */
export function fakeRecognizers(knobs: { busy?: boolean; full?: boolean; capacity?: Promise<void> } = {}) {
  const streams: {
    waiting: WaitOptions | undefined
    listener: StreamListener
    request: StreamRequest
    written: number
    isFinished: boolean
    isClosed: boolean
  }[] = []
  const recognizers = {
    async open(request: StreamRequest, listener: StreamListener, waiting?: WaitOptions) {
      if (knobs.busy) throw new RecognizersBusyError('All places are taken.')
      await knobs.capacity
      const stream = { waiting, listener, request, written: 0, isFinished: false, isClosed: false }
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

export function openSession({ problem, ...knobs }: { problem?: ProblemError; busy?: boolean; full?: boolean } = {}) {
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
  const figures = createCounters()
  const places = { taken: 0 }
  const native = createNativeReaders()
  onTestFinished(() => expect(native.violations).toEqual([]))
  const session = new Session(
    {
      send(text) {
        socket.sent.push(text)
        native.received(text)
      },
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
      decoders: openDecoders({ processes: 0 }),
      filter: createProfanityFilter([]),
      figures,
      explain: (error) => explainFailure(error) ?? expect.fail(`An unexpected error: ${error}`),
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
    audio(requestId: string, bytes: Buffer) {
      native.sent(audioMessage(requestId, Buffer.alloc(0)))
      session.receive(audioMessage(requestId, bytes), true)
    },
  }
}

export function audioMessage(requestId: string, bytes: Buffer) {
  const headers = Buffer.from(`Path: audio\r\nX-RequestId: ${requestId}\r\n`)
  return Buffer.concat([Buffer.from([headers.length >> 8, headers.length & 255]), headers, bytes])
}
