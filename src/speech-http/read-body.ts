import type { IncomingMessage } from 'node:http'
import { Pace } from '../capacity/pace.ts'
import { ProblemError } from '../http/problem.ts'

interface Patience {
  idleMs: number
  wholeMs: number
  /** Where given, a sender that is slow while others wait gives up what it holds. */
  pace?: RecordingPace
}

/** Real-time speech is at least so much of the one or the other: compressed, it has few bytes, and some files have no sound before their end. */
const minPerSecond = { bytes: 15_000, seconds: 0.5 }

/** How a recording comes in, in bytes and in seconds of sound, by the time that the server waited for it. */
export class RecordingPace {
  readonly #isContested: () => boolean
  readonly #bytes = new Pace(minPerSecond.bytes)
  readonly #sound = new Pace(minPerSecond.seconds)
  #seconds = 0
  /** Milliseconds. */
  #waited = 0

  /** `isContested` tells whether others wait for what the recording holds. */
  constructor(isContested: () => boolean) {
    this.#isContested = isContested
  }

  came(bytes: number, waited: number): void {
    this.#waited = waited
    this.#bytes.add(bytes, waited)
  }

  heard(seconds: number): void {
    this.#sound.add(seconds - this.#seconds, this.#waited)
    this.#seconds = seconds
  }

  givesWay(waited: number): boolean {
    return this.#isContested() && this.#bytes.isSlow(waited) && this.#sound.isSlow(waited)
  }
}

/** The body's chunks, or an error when they come too slowly or are not wanted any more; the connection stays open for the answer. */
export async function* readChunks(request: IncomingMessage, { idleMs, wholeMs, pace }: Patience, signal: AbortSignal): AsyncGenerator<Buffer> {
  const chunks = request.iterator({ destroyOnReturn: false })
  // The time that the recognizer takes is not the sender's: only waiting counts.
  let waited = 0
  while (true) {
    const began = performance.now()
    signal.throwIfAborted()
    const { promise: refused, reject: refuse } = Promise.withResolvers<never>()
    const abort = () => refuse(signal.reason)
    const late = () => refuse(new ProblemError(408, 'UPLOAD_TOO_SLOW', 'The audio did not arrive in time. Send it faster.'))
    const timer = setTimeout(late, Math.max(0, Math.min(idleMs, wholeMs - waited)))
    const waitedBefore = waited
    const watch = pace && setInterval(() => pace.givesWay(waitedBefore + performance.now() - began) && refuse(gaveWay()), 1_000)
    signal.addEventListener('abort', abort, { once: true })
    const next = await Promise.race([chunks.next(), refused]).finally(() => {
      clearTimeout(timer)
      clearInterval(watch)
      signal.removeEventListener('abort', abort)
    })
    waited += performance.now() - began
    if (next.done) return
    pace?.came(next.value.length, waited)
    yield next.value
  }
}

const gaveWay = () =>
  new ProblemError(408, 'UPLOAD_TOO_SLOW', 'The audio came slower than speech while others waited for its place. Send it again, faster.', {
    headers: { 'retry-after': '1' },
  })
