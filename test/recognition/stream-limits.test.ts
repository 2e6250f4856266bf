import { describe, expect, test } from 'vitest'
import { RecognizerCrashedError, RecognizersBusyError } from '../../src/recognition/recognizer-errors.ts'
import { baseModel, childrenRunning, openClient, openTestRecognizers, requestFor, silence, untilBusy } from '../support/recognizers.ts'
import { referenceRecording } from '../support/service.ts'

const reference = Buffer.concat([referenceRecording().subarray(44), silence(1)])
const model = await baseModel()

describe('capacity', () => {
  test('streams are admitted until the capacity is in use, and again when a stream closes', async () => {
    const recognizers = openTestRecognizers({ workers: 1 })
    const clients: Awaited<ReturnType<typeof openClient>>[] = []
    let refusal: unknown
    while (!refusal && clients.length < 1000) {
      await openClient(recognizers, requestFor(model)).then(
        (client) => clients.push(client),
        (error) => {
          refusal = error
        },
      )
    }
    expect(refusal).toBeInstanceOf(RecognizersBusyError)
    expect(recognizers.usage().streams).toBe(clients.length)
    expect(clients.length).toBeLessThanOrEqual(50)
    clients[0]?.stream.close()
    await openClient(recognizers, requestFor(model))
  })

  test('a deployment that has its share does not get capacity that another requested', async () => {
    const recognizers = openTestRecognizers({ workers: 2 })
    const open = (deploymentId: string) => openClient(recognizers, requestFor(model, { deploymentId }))
    const greedy: Awaited<ReturnType<typeof open>>[] = []
    const take = async () => {
      for (let n = 0; n < 1000; n++) greedy.push(await open('greedy'))
    }
    await expect(take()).rejects.toThrow(RecognizersBusyError)
    // A deployment without a stream gets one although the capacity is in use, but not a second.
    await open('modest')
    await expect(open('modest')).rejects.toThrow(RecognizersBusyError)
    for (let n = 0; n < 2; n++) greedy.pop()?.stream.close()
    await expect(open('greedy')).rejects.toThrow(RecognizersBusyError)
    await open('modest')
  })
})

describe('a stream', () => {
  test('a closed stream emits no further event and frees its slot', async () => {
    const recognizers = openTestRecognizers({ workers: 1 })
    await recognizers.load(model)
    const client = await openClient(recognizers, requestFor(model))
    await client.send(reference)
    await untilBusy(recognizers)
    client.stream.close()
    const told = client.told.length
    const next = await openClient(recognizers, requestFor(model))
    await next.send(reference)
    next.stream.finish()
    await next.untilTold('ENDED')
    expect(client.told).toHaveLength(told)
    expect(recognizers.usage()).toMatchObject({ streams: 0, waiting: 0, load: 0 })
  })

  test('a stream requests a pause when audio arrives faster than it is decoded, and then more audio', async () => {
    const recognizers = openTestRecognizers({ workers: 1 })
    const client = await openClient(recognizers, requestFor(model, { interims: false }))
    let taken = 0
    while (client.stream.write(reference)) taken++
    expect(taken * reference.length).toBeLessThanOrEqual(5 * 32_000)
    await client.until(() => client.drained() === 1)
    client.stream.finish()
    await client.untilTold('ENDED')
    expect(client.phrases()).toHaveLength(taken + 1)
  })

  test('a stream whose client never pauses fails before it uses much memory', async () => {
    const recognizers = openTestRecognizers({ workers: 1 })
    const client = await openClient(recognizers, requestFor(model))
    for (let n = 0; n < 100 && !client.failure(); n++) client.stream.write(Buffer.alloc(320_000))
    expect(client.failure()).toBeInstanceOf(RecognizersBusyError)
  })

  test('a stream fails when the recognizers close', async () => {
    const recognizers = openTestRecognizers({ workers: 1 })
    const client = await openClient(recognizers, requestFor(model))
    await recognizers.close()
    expect(client.failure()).toBeInstanceOf(RecognizerCrashedError)
    await expect(openClient(recognizers, requestFor(model))).rejects.toThrow(RecognizerCrashedError)
    expect([...childrenRunning('worker.process.ts'), ...childrenRunning('detector.process.ts')]).toEqual([])
  })
})
