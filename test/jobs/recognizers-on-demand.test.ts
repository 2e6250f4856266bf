import { expect, onTestFinished, test } from 'vitest'
import { createRecognizersOnDemand } from '../../src/jobs/recognizers-on-demand.ts'
import { openRecognizers } from '../../src/recognition/recognizers.ts'
import { baseModel, childrenRunning, silentLog } from '../support/recognizers.ts'
import { until } from '../support/until.ts'

const processes = () => [...childrenRunning('detector.process.ts'), ...childrenRunning('worker.process.ts')].length

test('recognizers open for a job, close after a while without work, and open again', async () => {
  let opened = 0
  const open = () => {
    opened++
    return openRecognizers({ workers: 1, memoryMb: 800 }, silentLog)
  }
  const recognizers = createRecognizersOnDemand(open, 1)
  onTestFinished(() => recognizers.close())
  await recognizers.check()
  expect([processes(), recognizers.usage().workers.running]).toEqual([0, 0])

  const model = await baseModel()
  // Loading takes much longer than the time after which idle recognizers are closed.
  for (const time of [1, 2]) {
    await recognizers.load(model)
    expect(opened).toBe(time)
    await until(async () => processes() === 0)
    expect(recognizers.usage()).toMatchObject({ workers: { running: 0, ended: 0 }, memoryBytes: 0 })
  }
})

test('closed recognizers refuse jobs', async () => {
  const recognizers = createRecognizersOnDemand(() => openRecognizers({ workers: 1, memoryMb: 800 }, silentLog))
  await recognizers.close()
  await expect(recognizers.load(await baseModel())).rejects.toThrow('closed')
})
