import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WebmError, WebmReader } from '../src/speech/webm.ts'

/** What a browser's MediaRecorder made of our reference recording: sizes unknown, blocks of 60 ms. */
const recorded = new Uint8Array(readFileSync(join(import.meta.dirname, 'recordings/en-US.webm')))
const whole = new WebmReader()
const packets = whole.push(recorded)

const element = (id: number[], content: number[]) => [...id, 0x40 | (content.length >> 8), content.length & 255, ...content]
const text = (value: string) => [...Buffer.from(value)]
const head = (channels: number) => [...text('OpusHead'), 1, channels, 0x38, 1, 0x80, 0xbb, 0, 0, 0, 0, 0]
const start = element([0x1a, 0x45, 0xdf, 0xa3], [])
const segment = [0x18, 0x53, 0x80, 0x67, 0xff]
const track = (number: number, codec: string, more: number[] = []) => element([0xae], [...element([0xd7], [number]), ...element([0x86], text(codec)), ...more])
const tracks = element([0x16, 0x54, 0xae, 0x6b], [...track(1, 'V_VP8'), ...track(2, 'A_OPUS', element([0x63, 0xa2], head(2)))])
const cluster = (...content: number[][]) => element([0x1f, 0x43, 0xb6, 0x75], content.flat())
const simpleBlock = (number: number, flags: number, packet: number[]) => element([0xa3], [0x80 | number, 0, 0, flags, ...packet])

describe('a WebM file', () => {
  test('of a browser gives up its packets', () => {
    expect(whole.track).toEqual({ channels: 1, preSkip: 0 })
    expect(packets).toHaveLength(50)
  })

  test('gives up the same packets, however it was cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: recorded.length - 1 }), { maxLength: 50 }), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), recorded.length]
        const reader = new WebmReader()
        const found = at.slice(1).flatMap((end, n) => reader.push(recorded.subarray(at[n], end)))
        expect(found).toEqual(packets)
      }),
      { numRuns: 30 },
    )
  })

  test('with pictures, groups and other elements gives up only the packets of its Opus', () => {
    const group = element([0xa0], [...element([0xa1], [0x82, 0, 0, 0, 7, 8]), ...element([0x9b], [20])])
    const other = element([0xec], Array(300).fill(0))
    const file = [
      ...start,
      ...segment,
      ...other,
      ...tracks,
      ...cluster(simpleBlock(1, 0, [1, 2]), simpleBlock(2, 0, [3, 4]), group),
      ...cluster(simpleBlock(2, 0, [9])),
    ]
    const reader = new WebmReader()
    expect(file.flatMap((byte) => reader.push(Uint8Array.of(byte))).map((packet) => [...packet])).toEqual([[3, 4], [7, 8], [9]])
    expect(reader.track).toEqual({ channels: 2, preSkip: 0x138 })
  })

  test.each([
    ['that begins otherwise', [0xa3, 0x81, 0]],
    ['with a number of nine bytes', [...start, 0]],
    ['of another codec', [...start, ...segment, ...element([0x16, 0x54, 0xae, 0x6b], track(1, 'A_VORBIS')), ...cluster()]],
    ['without tracks', [...start, ...segment, ...cluster()]],
    ['without a header of its Opus', [...start, ...segment, ...element([0x16, 0x54, 0xae, 0x6b], track(1, 'A_OPUS')), ...cluster()]],
    ['whose packets are laced', [...start, ...segment, ...tracks, ...cluster(simpleBlock(2, 6, [1]))]],
    ['with a block that is too large', [...start, ...segment, ...tracks, 0xa3, 0x10, 0x10, 0, 0]],
    ['with an element of no size', [...start, ...segment, 0xec, 0xff]],
  ])('%s is an error', (_, file) => {
    expect(() => new WebmReader().push(Uint8Array.from(file))).toThrow(WebmError)
  })

  test('of any bytes gives packets or an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, isBegun) => {
        const reader = new WebmReader()
        try {
          for (const byte of isBegun ? [...start, ...segment, ...tracks, ...bytes] : bytes) reader.push(Uint8Array.of(byte))
        } catch (error) {
          expect(error).toBeInstanceOf(WebmError)
        }
      }),
    )
  })
})
