import { setTimeout as delay } from 'node:timers/promises'

/** Bytes that are really in use, when run with --expose-gc. */
export async function heapInUse(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.()
    await delay(50)
  }
  return process.memoryUsage().heapUsed
}
