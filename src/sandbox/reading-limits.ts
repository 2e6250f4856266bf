import type { TaskLimits } from './task.ts'

/** The limits for reading an archive or a text piece by piece: the memory of Node, and some for the pieces. */
export const readingLimits = (cpuSeconds: number): TaskLimits => ({ memoryMb: 1_000, cpuSeconds, seconds: 10 * cpuSeconds })

/** The most times its size that a packed file can unpack to, and the least that every file can. */
const maxRatio = 100
const minUnpackedBytes = 20_000_000

/** The most bytes that a packed file of this size can unpack to, and the limit in words. */
export function unpackedLimit(packedBytes: number, maxBytes: number): { bytes: number; words: string } {
  const byRatio = Math.max(minUnpackedBytes, maxRatio * packedBytes)
  return byRatio < maxBytes
    ? { bytes: byRatio, words: byRatio === minUnpackedBytes ? `${minUnpackedBytes / 1e6} MB, the most for a file of its size` : `${maxRatio} times its size` }
    : { bytes: maxBytes, words: `${maxBytes / 1e6} MB` }
}
