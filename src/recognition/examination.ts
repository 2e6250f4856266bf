import { startChild } from './child.ts'
import type { ExaminationReply, ExaminationRequest } from './examiner.ts'

const patienceMs = 120_000

/** Opens and tries an acoustic model in a process of its own; one that ends or hangs says as much of the model. */
export function examineAcousticModel(request: ExaminationRequest, signal: AbortSignal): Promise<ExaminationReply> {
  return new Promise((examined, failed) => {
    signal.throwIfAborted()
    const settle = (reply: ExaminationReply) => {
      clearTimeout(late)
      signal.removeEventListener('abort', stop)
      child.kill()
      examined(reply)
    }
    const child = startChild<ExaminationRequest, ExaminationReply>('examiner.ts', {
      message: settle,
      ended: (reason) => settle({ ok: false, message: `opening its files ended the process that did it (${reason}); they are damaged, or no ONNX files` }),
    })
    const late = setTimeout(() => settle({ ok: false, message: `it gave no result within ${patienceMs / 1000} s` }), patienceMs)
    const stop = () => {
      clearTimeout(late)
      child.kill()
      failed(signal.reason)
    }
    signal.addEventListener('abort', stop, { once: true })
    child.send(request)
  })
}
