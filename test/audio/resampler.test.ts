import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Resampler, resample } from '../../src/audio/resampler.ts'
import { SampleBuffer } from '../../src/audio/sample-buffer.ts'

describe('resampling', () => {
  test.each([11_025, 44_100, 44_101, 191_999])('the resampler keeps a tone at %i Hz with kernels of a bounded size', (rate) => {
    const before = process.memoryUsage().arrayBuffers
    const resampler = new Resampler(rate)
    const kernels = process.memoryUsage().arrayBuffers - before
    const input = Float32Array.from({ length: rate }, (_, n) => Math.sin((2 * Math.PI * 1000 * n) / rate))
    const output = resampler.push(input)
    let [signal, noise] = [0, 0]
    for (let n = 1000; n < 15_000; n++) {
      const wanted = Math.sin((2 * Math.PI * 1000 * n) / 16_000)
      signal += wanted ** 2
      noise += ((output[n] as number) - wanted) ** 2
    }
    expect(10 * Math.log10(signal / noise)).toBeGreaterThan(80)
    expect(kernels).toBeLessThan(3 * 2 ** 20)
  })

  test('the output of the resampler does not depend on how the input is cut', () => {
    const pieces = fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(fc.constantFrom(8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000), pieces, fc.integer(), (rate, lengths, seed) => {
        const total = lengths.reduce((sum, length) => sum + length, 0)
        const input = Float32Array.from({ length: total }, (_, n) => Math.sin(n * n * 0.001 + seed))
        const resampler = new Resampler(rate)
        const output: number[] = []
        let at = 0
        for (const length of lengths) {
          output.push(...resampler.push(input.subarray(at, at + length)))
          at += length
        }
        output.push(...resampler.end())
        expect(Float32Array.from(output)).toEqual(resample(input, rate))
        expect(output).toHaveLength(Math.floor((total * 16_000) / rate))
      }),
      { numRuns: 60 },
    )
  })

  test('the sample buffer keeps only the samples that are needed', () => {
    const sound = new SampleBuffer()
    const second = Float32Array.from({ length: 16_000 }, (_, n) => (n % 100) / 100)
    for (let n = 0; n < 100; n++) {
      sound.append(second)
      sound.forget(sound.end - 8_000)
    }
    expect(sound.end).toBe(1_600_000)
    const kept = sound.slice(sound.end - 8_000, sound.end)
    expect(kept).toHaveLength(8_000)
    expect(kept[150]).toBe(Math.round(0.5 * 32_768))
    expect(sound.slice(0, sound.end).length).toBeLessThan(64_000)
  })
})
