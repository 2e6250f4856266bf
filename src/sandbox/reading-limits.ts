import type { TaskLimits } from './task.ts'

/** For reading an archive or a text piece by piece: Node's own memory, and some for the pieces. */
export const readingLimits = (cpuSeconds: number): TaskLimits => ({ memoryMb: 1_000, cpuSeconds, seconds: 10 * cpuSeconds })

/** What a packed file may unpack to: so many times its size, and never less than a small file may. */
const maxRatio = 100
const alwaysBytes = 20_000_000

/** The most bytes that a packed file of this size may unpack to, and how to say so. */
export function unpackedLimit(packedBytes: number, maxBytes: number): { bytes: number; words: string } {
  const byRatio = Math.max(alwaysBytes, maxRatio * packedBytes)
  return byRatio < maxBytes
    ? { bytes: byRatio, words: byRatio === alwaysBytes ? `${alwaysBytes / 1e6} MB, as a file of its size may` : `${maxRatio} times its size` }
    : { bytes: maxBytes, words: `${maxBytes / 1e6} MB` }
}
