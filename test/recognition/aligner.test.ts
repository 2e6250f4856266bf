import { expect, test } from 'vitest'
import { openAligner } from '../../src/decoding/aligner.ts'

test('an aligner is full after it has learned 5,000 words', async () => {
  const aligner = await openAligner()
  aligner.align(['cat', 'zyzzyq'], new Float32Array(16_000))
  expect(aligner.isFull).toBe(false)
  const strange = Array.from({ length: 5_000 }, (_, n) => `zq${n.toString(36)}`)
  aligner.align(strange, new Float32Array(16_000))
  expect(aligner.isFull).toBe(true)
  aligner.close()
})
