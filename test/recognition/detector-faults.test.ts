import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { RecognizerCrashedError } from '../../src/recognition/recognizer-errors.ts'
import { baseModel, childrenRunning, openClient, openTestRecognizers, requestFor, silence } from '../support/recognizers.ts'
import { referenceRecording } from '../support/service.ts'
import { until } from '../support/until.ts'

const reference = Buffer.concat([referenceRecording().subarray(44), silence(1)])
const model = await baseModel()

describe('the detector', () => {
  test('a detector that crashes fails its streams, and the next stream gets a new detector', async () => {
    const recognizers = openTestRecognizers({ workers: 1 })
    await recognizers.load(model)
    const client = await openClient(recognizers, requestFor(model))
    await client.speak(reference.subarray(0, 32_000), 4)
    process.kill(childrenRunning('detector.process.ts')[0] as number, 'SIGSEGV')
    expect(await client.untilFailed()).toBeInstanceOf(RecognizerCrashedError)
    const next = await openClient(recognizers, requestFor(model))
    await next.send(reference)
    next.stream.finish()
    await next.untilTold('ENDED')
    expect(next.phrases()).toHaveLength(1)
    expect(recognizers.usage().streams).toBe(0)
  })

  test('a detector is replaced by exactly one, even if all its streams reopen at once, and closing ends it', async () => {
    const recognizers = openTestRecognizers({ workers: 1 })
    const [first] = childrenRunning('detector.process.ts')
    const opened: Promise<unknown>[] = []
    const listener = { event() {}, drained() {}, failed: () => void opened.push(recognizers.open(requestFor(model), { ...listener, failed() {} })) }
    for (let n = 0; n < 3; n++) await recognizers.open(requestFor(model), listener)
    // A detector that ends sooner is replaced only when a stream opens.
    await delay(5100)
    process.kill(first as number, 'SIGSEGV')
    await until(() => opened.length === 3)
    await Promise.all(opened)
    const next = childrenRunning('detector.process.ts').filter((pid) => pid !== first)
    expect(next).toHaveLength(1)
    // This one ends soon after its start, and no stream opens.
    process.kill(next[0] as number, 'SIGSEGV')
    await until(() => recognizers.usage().streams === 0)
    expect(childrenRunning('detector.process.ts')).toEqual([])
    await openClient(recognizers, requestFor(model))
    expect(childrenRunning('detector.process.ts')).toHaveLength(1)
    await recognizers.close()
    expect(childrenRunning('detector.process.ts')).toEqual([])
  })

  test('a detector that hangs at the end of a stream is ended', async () => {
    const recognizers = openTestRecognizers({ workers: 1 }, { baseMs: 10_000, perSecondMs: 3000, detectorMs: 1000 })
    const client = await openClient(recognizers, requestFor(model))
    process.kill(childrenRunning('detector.process.ts')[0] as number, 'SIGSTOP')
    client.stream.finish()
    expect(await client.untilFailed()).toBeInstanceOf(RecognizerCrashedError)
  })

  test('a detector that hangs within a stream is ended', async () => {
    const recognizers = openTestRecognizers({ workers: 1 }, { baseMs: 10_000, perSecondMs: 3000, detectorMs: 1000 })
    await recognizers.load(model)
    const client = await openClient(recognizers, requestFor(model))
    process.kill(childrenRunning('detector.process.ts')[0] as number, 'SIGSTOP')
    client.stream.write(reference)
    expect(await client.untilFailed()).toBeInstanceOf(RecognizerCrashedError)
  })
})
