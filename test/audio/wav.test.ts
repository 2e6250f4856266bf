import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readSound } from '../../src/audio/read-audio.ts'
import { cardRecordings, librivoxRecordings } from '../support/service.ts'
import { samplesOf, type WavOptions, wav } from '../support/wav.ts'
import { decoders, difference, floats, read, reference, samplesAs } from './read-wav.ts'

describe('sample formats', () => {
  test.each<[string, Buffer, WavOptions, number]>([
    ['16 bits', samplesAs(2, (buffer, value, at) => buffer.writeInt16LE(value, at)), {}, 0],
    ['8 bits, unsigned', samplesAs(1, (buffer, value, at) => buffer.writeUInt8((value >> 8) + 128, at)), { bits: 8 }, 255],
    ['24 bits', samplesAs(3, (buffer, value, at) => buffer.writeIntLE(value * 256, at, 3)), { bits: 24 }, 0],
    ['20 bits in 24', samplesAs(3, (buffer, value, at) => buffer.writeIntLE(value * 256, at, 3)), { bits: 20, align: 3 }, 0],
    ['32 bits', samplesAs(4, (buffer, value, at) => buffer.writeInt32LE(value * 65_536, at)), { bits: 32 }, 0],
    ['32-bit floating point', floats(4), { bits: 32, encoding: 3 }, 0],
    ['64-bit floating point', floats(8), { bits: 64, encoding: 3 }, 0],
  ])('WAV samples of %s keep their values', async (_, samples, options, most) => {
    const found = await read(wav(samples, options))
    expect(found.sampleRate).toBe(16_000)
    expect(difference(found.samples, reference)).toBeLessThanOrEqual(most)
  })

  test('floating-point samples are clipped, and NaN becomes silence', async () => {
    expect([...(await read(wav(Float32Array.from([2, -2, Number.NaN, 0.5]), { bits: 32, encoding: 3 }))).samples]).toEqual([32_767, -32_768, 0, 16_384])
  })

  // Values of ITU-T G.711, tables 1a and 2a, scaled to 16 bits.
  test.each<[string, number, number[], number[]]>([
    ['µ-law', 7, [0x80, 0x00, 0xff, 0x7f, 0xce, 0x4e], [32_124, -32_124, 0, 0, 988, -988]],
    ['A-law', 6, [0xaa, 0x2a, 0xd5, 0x55, 0x80, 0x00], [32_256, -32_256, 8, -8, 5504, -5504]],
  ])('WAV samples in %s have the values of ITU-T G.711', async (_, encoding, codes, values) => {
    const found = await read(wav(Uint8Array.from(codes), { bits: 8, encoding, rate: 8000 }))
    expect(found.sampleRate).toBe(8000)
    expect([...found.samples]).toEqual(values)
  })
})

test('the WAV reader averages all channels', async () => {
  const frames = Int16Array.from([100, 200, 300, 1000, -1000, 0, 0, 60])
  expect([...(await read(wav(frames, { channels: 4 }))).samples]).toEqual([400, -235])
  expect([...(await read(wav(frames, { channels: 2 }))).samples]).toEqual([150, 650, -500, 30])
})

test.each([4_000, 8_000, 11_025, 44_100, 96_000, 192_000])('the WAV reader accepts %i Hz', async (rate) => {
  expect((await read(wav(reference, { rate }))).sampleRate).toBe(rate)
})

test('the sub-format of an extensible header selects the encoding', async () => {
  const file = wav(floats(4), { bits: 32, encoding: 0xfffe })
  const more = Buffer.alloc(24)
  more.writeUInt16LE(22, 0)
  more.writeUInt16LE(3, 8)
  const extended = Buffer.concat([file.subarray(0, 36), more, file.subarray(36)])
  extended.writeUInt32LE(40, 16)
  expect(difference((await read(extended)).samples, reference)).toBe(0)
})

test.each(['RF64', 'BW64'])('%s takes its length from the ds64 chunk', async (id) => {
  const file = wav(reference, { dataLength: 0xffffffff })
  const ds64 = Buffer.alloc(36)
  ds64.write('ds64')
  ds64.writeUInt32LE(28, 4)
  ds64.writeBigUInt64LE(BigInt(reference.byteLength), 16)
  const list = Buffer.from('LIST\x04\0\0\0INFO', 'latin1')
  const found = await read(Buffer.concat([Buffer.from(`${id}\xff\xff\xff\xffWAVE`, 'latin1'), ds64, file.subarray(12), list]))
  expect(difference(found.samples, reference)).toBe(0)
  expect(found.warnings).toEqual([])
})

test.each(['', '\0', '?'])('the WAV reader accepts %j after a chunk of odd length', async (padding) => {
  const file = wav(reference)
  const found = await read(Buffer.concat([file.subarray(0, 36), Buffer.from(`LIST\x05\0\0\0INFOx${padding}`, 'latin1'), file.subarray(36)]))
  expect(difference(found.samples, reference)).toBe(0)
  expect(found.warnings).toEqual([])
})

test('the samples of a file do not depend on how its bytes are cut', async () => {
  const short = reference.subarray(0, 3000)
  const file = Buffer.concat([
    wav(short, { dataLength: 0 }),
    wav(floats(4).subarray(0, 12_000), { bits: 32, encoding: 3 }),
    Buffer.from('LIST\x04\0\0\0INFO', 'latin1'),
    wav(short),
  ])
  const whole = (await read(file)).samples
  expect(whole.length).toBe(9000)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: file.length - 1 }), { maxLength: 30 }), async (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), file.length]
      async function* body() {
        for (const [n, start] of at.slice(0, -1).entries()) yield file.subarray(start, at[n + 1])
      }
      const pieces = []
      for await (const { pcm } of readSound(body(), { decoders, maxSeconds: 60, signal: AbortSignal.timeout(10_000), warn() {} })) pieces.push(pcm)
      expect(Buffer.concat(pieces).equals(Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength))).toBe(true)
    }),
    { numRuns: 100 },
  )
})

test('the WAV reader returns the samples of every recording in the test data', async () => {
  for (const { wav: file } of [...librivoxRecordings(), ...cardRecordings()]) expect(difference((await read(file)).samples, samplesOf(file))).toBe(0)
})
