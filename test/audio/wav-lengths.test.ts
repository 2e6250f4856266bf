import { describe, expect, test } from 'vitest'
import { readSound } from '../../src/audio/read-audio.ts'
import { wav } from '../support/wav.ts'
import { decoders, difference, read, reference } from './read-wav.ts'

describe('lengths in WAV headers', () => {
  // espeak-ng and sox; mpg123; GStreamer and libsndfile; arecord; lame; FreeSWITCH; ffmpeg.
  test.each([0, 0x7ffff000, 0x7fffffdb, 0x7fffffd3, 0x7fffffff, 0x80000000, 0xfffffedc, 0xfffffe00, 0xffffffdb, 0xffffffff])(
    'the WAV reader ignores the placeholder length %i',
    async (dataLength) => {
      const found = await read(wav(reference, { dataLength }))
      expect(difference(found.samples, reference)).toBe(0)
      expect(found.warnings).toEqual([])
    },
  )

  test('a header that announces ten minutes for three seconds causes a warning', async () => {
    const found = await read(wav(reference, { dataLength: 600 * 32_000 }))
    expect(difference(found.samples, reference)).toBe(0)
    expect(found.warnings).toEqual([expect.stringContaining('600 s')])
  })

  test('a header that announces slightly more than the file has causes a warning', async () => {
    const found = await read(wav(reference, { dataLength: reference.byteLength + 3_200 }))
    expect(difference(found.samples, reference)).toBe(0)
    expect(found.warnings).toEqual([expect.stringMatching(/announces .* but the file is shorter/)])
  })

  test('a body of unknown size that ends before its announced length is truncated', async () => {
    async function* body() {
      yield wav(reference, { dataLength: reference.byteLength + 2 })
    }
    const hear = async () => {
      for await (const _ of readSound(body(), { decoders, maxSeconds: 60, signal: AbortSignal.timeout(10_000), warn() {} }));
    }
    await expect(hear()).rejects.toMatchObject({ code: 'TRUNCATED_AUDIO' })
  })

  test('a file that is too long is refused before its samples are read', async () => {
    const long = wav(new Int16Array(61 * 16_000))
    let sent = 0
    async function* body() {
      for (; sent < long.length; sent += 1000) yield long.subarray(sent, sent + 1000)
    }
    const options = { decoders, maxSeconds: 60, fileBytes: long.length, signal: AbortSignal.timeout(10_000), warn() {} }
    await expect(readSound(body(), options).next()).rejects.toMatchObject({ code: 'AUDIO_TOO_LONG' })
    expect(sent).toBe(0)
  })
})
