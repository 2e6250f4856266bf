import { expect, test } from 'vitest'
import { baseModel, openClient, openTestRecognizers, requestFor, silence } from '../support/recognizers.ts'
import { referenceRecording } from '../support/service.ts'

const reference = Buffer.concat([referenceRecording().subarray(44), silence(1)])
const model = await baseModel()

test('a worker with a small budget keeps the model that was used last', async () => {
  const recognizers = openTestRecognizers({ workers: 1, memoryMb: 400 })
  const other = await baseModel('CONVERSATIONAL')
  await recognizers.load(model)
  await recognizers.load(other)
  expect(recognizers.usage().models).toEqual([{ id: other.id, workers: 1 }])
  const client = await openClient(recognizers, requestFor(model))
  await client.send(reference)
  client.stream.finish()
  await client.untilTold('ENDED')
  expect(client.phrases()).toHaveLength(1)
  expect(recognizers.usage().models).toEqual([{ id: model.id, workers: 1 }])
})

test('a model that exceeds the whole budget is loaded alone', async () => {
  const recognizers = openTestRecognizers({ workers: 1, memoryMb: 100 })
  await recognizers.load(model)
  const client = await openClient(recognizers, requestFor(model))
  await client.send(reference)
  client.stream.finish()
  await client.untilTold('ENDED')
  expect(client.phrases()).toHaveLength(1)
  const other = await baseModel('CONVERSATIONAL')
  await recognizers.load(other)
  expect(recognizers.usage()).toMatchObject({ models: [{ id: other.id, workers: 1 }], workers: { ended: 0 } })
})
