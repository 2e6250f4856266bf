import { expect, test } from 'vitest'
import { bootstrap, confidenceNotWorse, createRandom, normal, type PairedErrors, testMatchedPairs } from '../../src/evaluation/statistics.ts'

const utterances = (errors: readonly number[], words = 10) => errors.map((count) => ({ errors: count, words }))
const pairs = (a: readonly number[], b: readonly number[]): PairedErrors[] =>
  a.map((errors, n) => ({ a: { errors, words: 10 }, b: { errors: b[n] as number, words: 10 } }))

test.each([
  [0, 0.5],
  [1, 0.841345],
  [1.959964, 0.975],
  [-1.644854, 0.05],
  [-4, 0.0000317],
])('the normal distribution at %d is %d', (x, expected) => {
  expect(normal(x)).toBeCloseTo(expected, 6)
})

test('the bootstrap interval contains the rate, narrows with more utterances, and is the same each time', () => {
  const few = utterances([0, 1, 0, 2, 0, 0, 3, 1, 0, 1])
  const many = Array.from({ length: 50 }, () => few).flat()
  const [narrow, wide] = [bootstrap(many), bootstrap(few)]
  for (const { low, high } of [narrow, wide]) {
    expect(low).toBeLessThan(0.08)
    expect(high).toBeGreaterThan(0.08)
  }
  // The width falls with the square root of the number of utterances.
  expect((wide.high - wide.low) / (narrow.high - narrow.low)).toBeGreaterThan(5)
  expect((wide.high - wide.low) / (narrow.high - narrow.low)).toBeLessThan(10)
  expect(bootstrap(few)).toEqual(wide)
  expect(bootstrap(utterances([1, 1, 1]))).toEqual({ low: 0.1, high: 0.1 })
})

test('the bootstrap interval contains the true rate in about 95 % of samples', () => {
  const random = createRandom(7)
  const rate = 0.2
  let covered = 0
  for (let sample = 0; sample < 200; sample++) {
    const { low, high } = bootstrap(
      utterances(Array.from({ length: 100 }, () => Array.from({ length: 10 }, () => Number(random() < rate)).reduce((a, b) => a + b))),
    )
    if (low <= rate && rate <= high) covered++
  }
  expect(covered / 200).toBeGreaterThan(0.9)
  expect(covered / 200).toBeLessThan(0.99)
})

test('matched pairs compare the mean difference with its standard error', () => {
  // Differences -1, 0, -1, 0: mean -0.5, variance 1/3, standard error 0.2887.
  const { mean, statistic, pValue, isSignificant } = testMatchedPairs(pairs([1, 1, 1, 1], [0, 1, 0, 1]))
  expect(mean).toBe(-0.5)
  expect(statistic).toBeCloseTo(-1.7321, 4)
  expect(pValue).toBeCloseTo(0.0833, 3)
  expect(isSignificant).toBe(false)
  expect(testMatchedPairs(pairs([2, 1, 3], [2, 1, 3]))).toEqual({ mean: 0, statistic: 0, pValue: 1, isSignificant: false })
  const better = testMatchedPairs(
    pairs(
      Array(40).fill(1),
      Array.from({ length: 40 }, (_, n) => n % 2),
    ),
  )
  expect(better).toMatchObject({ mean: -0.5, isSignificant: true })
})

test('matched pairs find a difference by chance in about 5 % of samples', () => {
  const random = createRandom(3)
  const draw = () => Array.from({ length: 100 }, () => Math.floor(random() * 4))
  const found = Array.from({ length: 400 }, () => testMatchedPairs(pairs(draw(), draw())).isSignificant).filter(Boolean).length
  expect(found / 400).toBeGreaterThan(0.02)
  expect(found / 400).toBeLessThan(0.09)
})

test('the confidence of not being worse grows with the allowed increase', () => {
  const same = pairs([1, 0, 2, 1, 0, 1, 3, 0], [0, 1, 2, 1, 1, 0, 3, 0])
  expect(confidenceNotWorse(same, 0)).toBeCloseTo(0.5, 6)
  expect(confidenceNotWorse(same, 0.05)).toBeGreaterThan(0.8)
  expect(confidenceNotWorse(same, -0.05)).toBeLessThan(0.2)
  expect(confidenceNotWorse(pairs([0, 0], [0, 0]), 0)).toBe(1)
  expect(confidenceNotWorse(pairs([0, 0], [1, 1]), 0.05)).toBe(0)
  expect(confidenceNotWorse([], 0)).toBe(1)
})
