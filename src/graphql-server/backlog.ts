import { setTimeout as delay } from 'node:timers/promises'

/** A peer is sent no more while this much waits for it. */
const maxBytes = 64 * 1024
/** How long a peer that has enough may take nothing of it. */
const patienceMs = 10_000
const checkMs = 20

/** True when that much waits for a peer that nothing more should be sent at the moment. */
export const hasEnough = (bytes: number) => bytes > maxBytes

/** Waits until a peer has read most of what it was sent, or is gone. False when it has stopped reading. */
export async function waitForReader(backlog: () => number, isPresent: () => boolean): Promise<boolean> {
  let least = backlog()
  for (let late = performance.now() + patienceMs; isPresent() && hasEnough(backlog()); await delay(checkMs)) {
    if (backlog() < least) {
      least = backlog()
      late = performance.now() + patienceMs
    }
    if (performance.now() > late) return false
  }
  return true
}
