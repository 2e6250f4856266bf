// Recognizers that crash, lag or have no capacity, seen from a session without a network.
import { describe, expect, test, vi } from 'vitest'
import { RecognizerCrashedError } from '../../src/recognition/recognizer-errors.ts'
import type { StreamRequest } from '../../src/recognition/recognizer-stream.ts'
import { openResumableStream } from '../../src/speech/resumable-stream.ts'
import { referenceRecording } from '../support/service.ts'
import { fakeRecognizers, openSession } from '../support/speech-session.ts'

const reference = referenceRecording()
/** The same as a live stream: its header promises no length, so that only an empty message is its end. */
const live = Buffer.from(reference)
live.writeUInt32LE(0, 40)

describe('a recognizer', () => {
  test('that crashes is replaced, and the audio without a phrase is sent again', async () => {
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

  test('that replaces another one within a phrase does not shorten hypotheses', async () => {
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

  test('that crashes repeatedly closes the socket with 1011, so that the client repeats its audio', async () => {
    const { audio, streams, settled, socket } = openSession()
    audio('a', live)
    for (let n = 0; n < 3; n++) {
      await settled()
      streams[n]?.listener.failed(new RecognizerCrashedError('It ended.'))
    }
    expect(socket.closed).toMatchObject({ code: 1011 })
  })

  test('that crashes repeatedly ends the session with an error if the client has sent all audio', async () => {
    const { audio, streams, settled, socket } = openSession()
    audio('a', reference)
    audio('a', Buffer.alloc(0))
    for (let n = 0; n < 3; n++) {
      await settled()
      streams[n]?.listener.failed(new RecognizerCrashedError('It ended.'))
    }
    expect(socket.closed).toMatchObject({ code: 1007, reason: expect.stringMatching(/^RECOGNIZER_CRASHED/) })
  })

  test('that crashes at full capacity is replaced after a wait, with all audio that has no phrase yet', async () => {
    const capacity = Promise.withResolvers<void>()
    const knobs: Parameters<typeof fakeRecognizers>[0] = {}
    const { recognizers, streams, settled } = fakeRecognizers(knobs)
    const failed = vi.fn()
    const request = { format: { sampleRate: 16_000, channels: 1 } } as StreamRequest
    const stream = openResumableStream(recognizers, request, { event() {}, drained() {}, failed }, 500)
    await settled()
    stream.write(reference.subarray(0, 40_000))
    knobs.capacity = capacity.promise
    streams[0]?.listener.failed(new RecognizerCrashedError('It ended.'))
    await settled()
    stream.write(reference.subarray(40_000, 50_000))
    expect(streams).toHaveLength(1)
    capacity.resolve()
    await settled()
    expect(streams.map(({ written }) => written)).toEqual([40_000, 50_000])
    // The stream had a slot before the waiting streams.
    expect(streams.map(({ waiting }) => waiting)).toMatchObject([
      { waitMs: 500, isResumed: false },
      { waitMs: 500, isResumed: true },
    ])
    expect(failed).not.toHaveBeenCalled()
    stream.close()
    expect(streams[1]?.waiting?.signal?.aborted).toBe(true)
  })

  test('that crashes while it lags is replaced by one that gets all unprocessed audio', async () => {
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

  test('that lags pauses the client', async () => {
    const { audio, settled, socket, streams } = openSession({ full: true })
    audio('a', reference.subarray(0, 10_000))
    await settled()
    audio('a', reference.subarray(10_000))
    expect(socket.isPaused).toBe(true)
    streams[0]?.listener.drained()
    expect(socket.isPaused).toBe(false)
  })

  test('without capacity makes the client wait, then refuses it with TooManyRequests', async () => {
    const { audio, socket } = openSession({ busy: true })
    audio('a', reference)
    expect(socket.sent).toHaveLength(1)
    await expect.poll(() => socket.sent.length, { timeout: 9_000 }).toBe(3)
    expect(socket.sent[1]).toContain('TooManyRequests')
    expect(socket.sent[2]).toContain('Path:turn.end')
  })
})
