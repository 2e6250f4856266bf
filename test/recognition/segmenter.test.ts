import { describe, expect, test } from 'vitest'
import { Segmenter } from '../../src/recognition/segmenter.ts'

describe('segments', () => {
  /** Feeds seconds of speech (true) or silence (false), 31.25 windows each; returns segments in seconds. */
  function segments(parts: [boolean, number][], listening = { segmentationSilenceMs: 600, maxPhraseMs: 15_000 }) {
    const segmenter = new Segmenter(listening)
    const found = []
    for (const [speech, seconds] of parts) {
      for (let n = 0; n < seconds * 31.25; n++) {
        const segment = segmenter.push(speech ? 0.9 : 0.05)
        if (segment) found.push(segment)
      }
    }
    const last = segmenter.end()
    if (last) found.push(last)
    return found.map(({ start, end }) => ({ start: start / 16_000, end: end / 16_000 }))
  }

  test('a segment begins before the first sound and ends after the last', () => {
    const [only, ...more] = segments([
      [false, 2],
      [true, 1],
      [false, 2],
    ])
    expect(more).toEqual([])
    expect(only?.start).toBeCloseTo(1.65, 1)
    expect(only?.end).toBeCloseTo(3.18, 1)
  })

  test('a segment bridges only pauses that are shorter than the segmentation silence', () => {
    expect(
      segments([
        [true, 1],
        [false, 0.5],
        [true, 1],
      ]),
    ).toHaveLength(1)
    expect(
      segments([
        [true, 1],
        [false, 0.8],
        [true, 1],
        [false, 1],
      ]),
    ).toHaveLength(2)
  })

  test('a segment that is too long is cut without the loss of a sample', () => {
    const found = segments([[true, 40]])
    expect(found.length).toBeGreaterThanOrEqual(3)
    for (const { start, end } of found) expect(end - start).toBeLessThanOrEqual(15.1)
    for (const [n, { start }] of found.slice(1).entries()) expect(start).toBe(found[n]?.end)
  })

  test('clicks and silence make no segment', () => {
    expect(segments([[false, 3]])).toEqual([])
    expect(
      segments([
        [false, 1],
        [true, 0.05],
        [false, 2],
      ]),
    ).toEqual([])
  })
})
