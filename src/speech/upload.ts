import type { IncomingMessage } from 'node:http'
import { SpeechProblem } from './problem.ts'

interface Patience {
  idleMs: number
  wholeMs: number
}

/** The body's chunks, or an error when they come too slowly or are not wanted any more; the connection stays open for the answer. */
export async function* readChunks(request: IncomingMessage, { idleMs, wholeMs }: Patience, signal: AbortSignal): AsyncGenerator<Buffer> {
  const chunks = request.iterator({ destroyOnReturn: false })
  // The time that the recognizer takes is not the sender's: only waiting counts.
  let waited = 0
  while (true) {
    const began = performance.now()
    signal.throwIfAborted()
    const { promise: refused, reject: refuse } = Promise.withResolvers<never>()
    const abort = () => refuse(signal.reason)
    const late = () => refuse(new SpeechProblem(408, 'UPLOAD_TOO_SLOW', 'The audio did not arrive in time. Send it faster.'))
    const timer = setTimeout(late, Math.max(0, Math.min(idleMs, wholeMs - waited)))
    signal.addEventListener('abort', abort, { once: true })
    const next = await Promise.race([chunks.next(), refused]).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    })
    waited += performance.now() - began
    if (next.done) return
    yield next.value
  }
}
