import { setTimeout as delay } from 'node:timers/promises'

/** Bytes of the heap after a garbage collection. Needs --expose-gc. */
export async function heapInUse(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.()
    await delay(50)
  }
  return process.memoryUsage().heapUsed
}
