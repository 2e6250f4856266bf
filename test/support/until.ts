import { setTimeout as delay } from 'node:timers/promises'

/** Waits for something that no event tells of. */
export async function until(condition: () => unknown | Promise<unknown>, ms = 60_000) {
  for (const end = Date.now() + ms; !(await condition()); await delay(20)) if (Date.now() > end) throw new Error('it did not happen in time')
}
