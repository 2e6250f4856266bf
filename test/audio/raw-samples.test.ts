import { describe, expect, test } from 'vitest'
import { wav } from '../support/wav.ts'
import { difference, read, reference } from './read-wav.ts'

describe('samples without a header', () => {
  const raw = Buffer.from(reference.buffer, reference.byteOffset, reference.byteLength)
  const swapped = Buffer.from(raw).swap16()
  test.each<[string, Buffer, number]>([
    ['audio/pcm; rate=16000', raw, 16_000],
    ['audio/x-raw;rate=16000', raw, 16_000],
    ['audio/L16; rate=16000; channels=1', swapped, 16_000],
    ['audio/l16;rate="16000"', raw, 16_000],
    ['audio/l16; rate=44100; endianness=little-endian', raw, 44_100],
  ])('the Content-Type %s determines the format of samples without a header', async (type, body, rate) => {
    const found = await read(body, type)
    expect(found.sampleRate).toBe(rate)
    expect(difference(found.samples, reference)).toBe(0)
  })

  test.each<[string, number[]]>([
    ['audio/basic', [32_124, -32_124]],
    ['audio/x-mulaw; rate=8000', [32_124, -32_124]],
    ['audio/x-alaw', [5504, -5504]],
  ])('the Content-Type %s reads telephone samples', async (type, values) => {
    const found = await read(Buffer.from([0x80, 0x00]), type)
    expect([found.sampleRate, ...found.samples]).toEqual([8000, ...values])
  })

  test('less than one sample is refused', async () => {
    await expect(read(raw.subarray(0, 1), 'audio/l16; rate=16000')).rejects.toMatchObject({ code: 'NO_AUDIO' })
  })

  test('samples without a header need a rate in the Content-Type', async () => {
    await expect(read(raw, 'audio/pcm')).rejects.toMatchObject({ code: 'UNSUPPORTED_AUDIO', message: expect.stringContaining('"audio/pcm; rate=16000"') })
  })

  test('a WAV file ignores the Content-Type of samples', async () => {
    expect(difference((await read(wav(reference), 'audio/pcm')).samples, reference)).toBe(0)
  })
})
