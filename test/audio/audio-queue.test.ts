import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { AudioQueue } from '../../src/audio/audio-queue.ts'

test('all audio is taken in order, in the fewest pieces that keep the limit', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 30 })), (added) => {
      const queue = new AudioQueue(10)
      for (const pcm of added) queue.add(pcm)
      const taken: Uint8Array[] = []
      for (let pcm = queue.take(); pcm; pcm = queue.take()) taken.push(pcm)
      expect(Buffer.concat(taken)).toEqual(Buffer.concat(added))
      for (const [n, { length }] of taken.entries()) {
        expect(length).toBeLessThanOrEqual(10)
        // Two neighbors that fit together would have been one piece.
        if (n > 0) expect(length + (taken[n - 1]?.length ?? 0)).toBeGreaterThan(10)
      }
      expect([queue.bytes, queue.isFull]).toEqual([0, false])
    }),
  )
})

test('a queue is full at the size of the largest piece, and empty after clearing', () => {
  const queue = new AudioQueue(10)
  queue.add(new Uint8Array(9))
  expect(queue.isFull).toBe(false)
  queue.add(new Uint8Array(1))
  expect(queue.isFull).toBe(true)
  queue.clear()
  expect([queue.bytes, queue.take()]).toEqual([0, undefined])
})
