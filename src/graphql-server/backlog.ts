import { setTimeout as delay } from 'node:timers/promises'

/** A backlog with more bytes is full: the peer receives nothing more. */
const maxBytes = 64 * 1024
/** The time within which the backlog of a reading peer gets shorter. */
const readTimeoutMs = 10_000
const checkMs = 20

/** True when a peer has so many unread bytes that nothing more is sent. */
export const isBacklogFull = (bytes: number) => bytes > maxBytes

/** Waits until the backlog is no longer full, or the peer has left. False when the peer has stopped reading. */
export async function waitForReader(backlog: () => number, isPresent: () => boolean): Promise<boolean> {
  let least = backlog()
  for (let deadline = performance.now() + readTimeoutMs; isPresent() && isBacklogFull(backlog()); await delay(checkMs)) {
    if (backlog() < least) {
      least = backlog()
      deadline = performance.now() + readTimeoutMs
    }
    if (performance.now() > deadline) return false
  }
  return true
}
