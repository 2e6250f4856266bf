import { setImmediate } from 'node:timers/promises'

/** The time after which other work of the process has a turn. Aligning long texts takes milliseconds each. */
const turnMs = 10

/** The items one after the other, with pauses for other work of the process. */
export async function* inTurns<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  let began = performance.now()
  for (const item of items) {
    if (performance.now() - began > turnMs) {
      await setImmediate()
      began = performance.now()
    }
    yield item
  }
}

let lastTurn: Promise<unknown> = Promise.resolve()

/**
 * Waits until other work of the process had a turn. Callers that wait at the same time continue one after the other, each
 * with a turn for other work before it.
 */
export const takeTurn = (): Promise<unknown> => {
  lastTurn = lastTurn.then(() => setImmediate())
  return lastTurn
}
