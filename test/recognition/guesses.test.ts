import { expect, test } from 'vitest'
import { HypothesisScheduler } from '../../src/recognition/hypothesis-scheduler.ts'
import type { Piece, Priority } from '../../src/recognition/piece.ts'
import type { StreamEvent } from '../../src/recognition/recognizer-stream.ts'
import type { Scheduler } from '../../src/recognition/scheduler.ts'
import { Stream } from '../../src/recognition/stream.ts'
import { requestFor } from '../support/recognizers.ts'

test('a phrase is decoded at its end if the guess at its pause failed', () => {
  const told: StreamEvent[] = []
  const failures: Error[] = []
  const asked: { priority: Priority; settle(result: Parameters<Parameters<Scheduler['submit']>[1]>[0]): void }[] = []
  const pool = {
    mayGuess: () => true,
    hypotheses: new HypothesisScheduler(1, () => 0),
    submit: ({ priority }: Piece, settle: () => void) => {
      asked.push({ priority, settle })
      return { cancel() {}, promote() {} }
    },
  }
  const stream = new Stream(1, {
    request: requestFor({ id: 'm', encoder: 'e', decoder: 'd', writing: 'w' }),
    listener: { event: (event) => void told.push(event), drained() {}, failed: (error) => void failures.push(error) },
    pool: pool as unknown as Scheduler,
    detector: { send() {} },
    timeout: { baseMs: 1000, perSecondMs: 1000 },
    over() {},
    measured() {},
  })
  const segment = { start: 0, onset: 1000, offset: 9000, end: 10_000 }
  stream.take({ stream: 1, kind: 'STARTED', phrase: 0, onset: 1000 })
  stream.take({ stream: 1, kind: 'PAUSED', phrase: 0, segment, audio: new Int16Array(10_000) })
  asked[0]?.settle(new Error('the recognizer ended'))
  stream.take({ stream: 1, kind: 'ENDED', phrase: 0, segment, audio: undefined })
  asked[1]?.settle({ value: [{ display: 'Hello.', lexical: 'hello', confidence: 1 }] as never, ms: 10 })
  expect(asked.map(({ priority }) => priority)).toEqual(['SPECULATIVE', 'FINAL'])
  expect(failures).toEqual([])
  expect(told.map(({ kind }) => kind)).toEqual(['SPEECH_START', 'PHRASE', 'SPEECH_END'])
})
