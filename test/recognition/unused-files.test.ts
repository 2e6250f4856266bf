import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { baseModel, openClient, openTestRecognizers, requestFor, silence } from '../support/recognizers.ts'
import { referenceRecording } from '../support/service.ts'

const reference = Buffer.concat([referenceRecording().subarray(44), silence(1)])
const [model, other] = [await baseModel(), await baseModel('CONVERSATIONAL')]
const encoderOf = ({ encoder }: typeof model) => [basename(encoder)]
const untilHeld = (recognizers: ReturnType<typeof openTestRecognizers>, ids: string[]) =>
  expect
    .poll(
      () =>
        recognizers
          .usage()
          .models.map(({ id }) => id)
          .sort(),
      { timeout: 20_000 },
    )
    .toEqual([...ids].sort())

test('all workers evict an unused model, keep others, and load it again when it is used', async () => {
  const recognizers = openTestRecognizers({ workers: 2, memoryMb: 3000 })
  await recognizers.load(model)
  await recognizers.load(other)
  await expect.poll(() => recognizers.usage().models.map(({ workers }) => workers), { timeout: 20_000 }).toEqual([2, 2])
  const before = recognizers.usage().memoryBytes
  recognizers.release(encoderOf(model))
  await untilHeld(recognizers, [other.id])
  console.log(`${Math.round(before / 2 ** 20)} MB with both models, ${Math.round(recognizers.usage().memoryBytes / 2 ** 20)} MB with one`)
  expect(recognizers.usage().memoryBytes).toBeLessThan(before)
  await recognizers.load(model)
  await untilHeld(recognizers, [model.id, other.id])
})

test('a model that an open stream uses is evicted when the stream ends', async () => {
  const recognizers = openTestRecognizers({ workers: 1 })
  await recognizers.load(model)
  const client = await openClient(recognizers, requestFor(model))
  recognizers.release(encoderOf(model))
  await client.send(reference)
  client.stream.finish()
  await client.untilTold('ENDED')
  expect(client.phrases()).toHaveLength(1)
  await expect.poll(() => recognizers.usage(), { timeout: 20_000 }).toMatchObject({ models: [], memoryBytes: 0, workers: { running: 0, ended: 0 } })
})
