import { describe, expect, test } from 'vitest'
import { Hypothesis } from '../../src/recognition/hypothesis.ts'

describe('hypotheses', () => {
  /** The texts that each decoding adds; each covers one more second. */
  const showing = (hypothesis: Hypothesis, texts: readonly string[]) =>
    texts.map((text, n) => {
      hypothesis.take(text, (n + 1) * 16_000)
      return hypothesis.takeNew().map((one) => one.text)
    })

  test('a hypothesis is shown only when it is new', () => {
    expect(showing(new Hypothesis(false), ['a', 'a', 'a b', '', 'a c'])).toEqual([['a'], [], ['a b'], [], ['a c']])
  })

  test('stable hypotheses show the words on which two successive decodings agree, and remove none', () => {
    const heard = ['four', 'for a', 'for a long', 'for', 'for a long time', 'for a long time']
    expect(showing(new Hypothesis(true), heard)).toEqual([[], [], ['for a'], [], [], ['for a long time']])
  })

  test.each([
    ['all', false],
    ['stable', true],
  ])('a hypothesis with many new words is shown in steps (%s)', (_, isStable) => {
    const hypothesis = new Hypothesis(isStable)
    const text = 'had he married a more amiable woman he might have been made still more respectable'
    for (let n = 0; n < (isStable ? 2 : 1); n++) hypothesis.take(text, 5 * 16_000)
    const shown = hypothesis.takeNew()
    expect(shown.length).toBeGreaterThanOrEqual(4)
    expect(shown.at(-1)).toEqual({ text, duration: 5 * 16_000 })
    for (const [n, one] of shown.entries()) {
      expect(`${text} `.startsWith(`${one.text} `)).toBe(true)
      expect(one.duration).toBeGreaterThan(shown[n - 1]?.duration ?? 0)
    }
  })

  test('a beginning of the final text is shown only if it is longer than the shown text', () => {
    const hypothesis = new Hypothesis(true)
    for (const text of ['for a long', 'for a long']) hypothesis.take(text, 16_000)
    hypothesis.takeNew()
    for (const text of ['for', 'four a long', 'for a long time', 'for a long time']) hypothesis.extend(text, 20_000)
    hypothesis.complete('for a long time', 20_000)
    expect(hypothesis.takeNew()).toEqual([{ text: 'for a long time', duration: 17_143 }])
  })
})
