import type { IncomingMessage } from 'node:http'
import { Pace } from '../capacity/pace.ts'
import { ProblemError } from '../http/problem.ts'

interface BodyTimeouts {
  idleMs: number
  wholeMs: number
  /** If present, a slow upload is refused while other requests wait for its slot. */
  pace?: RecordingPace
}

/**
 * Speech in real time reaches at least one of these rates. Compressed audio has few bytes, and some files contain no
 * decodable sound before their end.
 */
const minPerSecond = { bytes: 15_000, seconds: 0.5 }

/** The rate of an upload in bytes and in seconds of sound, per second that the server waited for the sender. */
export class RecordingPace {
  readonly #isContested: () => boolean
  readonly #bytes = new Pace(minPerSecond.bytes)
  readonly #sound = new Pace(minPerSecond.seconds)
  #seconds = 0
  /** Milliseconds. */
  #waited = 0

  /** `isContested` is true while other requests wait for the slot of the recording. */
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

  isTooSlow(waited: number): boolean {
    return this.#isContested() && this.#bytes.isSlow(waited) && this.#sound.isSlow(waited)
  }
}

/** The chunks of the body. Throws when they arrive too slowly or the signal aborts; the connection stays open for the response. */
export async function* readChunks(request: IncomingMessage, { idleMs, wholeMs, pace }: BodyTimeouts, signal: AbortSignal): AsyncGenerator<Buffer> {
  const chunks = request.iterator({ destroyOnReturn: false })
  // Only the time of waiting for the sender counts, not that of the recognizer.
  let waited = 0
  while (true) {
    const began = performance.now()
    signal.throwIfAborted()
    const { promise: refused, reject: refuse } = Promise.withResolvers<never>()
    const abort = () => refuse(signal.reason)
    const late = () => refuse(new ProblemError(408, 'UPLOAD_TOO_SLOW', 'The audio did not arrive in time. Send it faster.'))
    const timer = setTimeout(late, Math.max(0, Math.min(idleMs, wholeMs - waited)))
    const waitedBefore = waited
    const watch = pace && setInterval(() => pace.isTooSlow(waitedBefore + performance.now() - began) && refuse(tooSlow()), 1_000)
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

const tooSlow = () =>
  new ProblemError(408, 'UPLOAD_TOO_SLOW', 'The audio arrived slower than real-time speech while other requests waited. Send it again, faster.', {
    headers: { 'retry-after': '1' },
  })
