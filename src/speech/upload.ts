import type { IncomingMessage } from 'node:http'
import { SpeechProblem } from './problem.ts'

/** The body's chunks, or an error when they come too slowly; the connection stays open for the answer. */
export async function* readChunks(request: IncomingMessage, { idleMs, wholeMs }: { idleMs: number; wholeMs: number }): AsyncGenerator<Buffer> {
  const chunks = request.iterator({ destroyOnReturn: false })
  // The time that the recognizer takes is not the sender's: only waiting counts.
  let waited = 0
  while (true) {
    const began = performance.now()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, rejected) => {
      timer = setTimeout(
        () => rejected(new SpeechProblem(408, 'UPLOAD_TOO_SLOW', 'The audio did not arrive in time. Send it faster.')),
        Math.max(0, Math.min(idleMs, wholeMs - waited)),
      )
    })
    const next = await Promise.race([chunks.next(), late]).finally(() => clearTimeout(timer))
    waited += performance.now() - began
    if (next.done) return
    yield next.value
  }
}
