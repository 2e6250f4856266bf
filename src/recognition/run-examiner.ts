import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { ExaminationReply, ExaminationRequest } from '../decoding/examiner.process.ts'
import { startChild } from '../sandbox/child.ts'
import { jobNice, setNice } from '../sandbox/nice.ts'
import { modelLimitMb } from './memory-limit.ts'

const timeoutMs = 60_000

/** Tests an acoustic model in a child process. The end or hang of that process is a result, too. */
export async function examineAcousticModel(request: ExaminationRequest, recognition: Config['recognition'], signal: AbortSignal): Promise<ExaminationReply> {
  const memoryMb = await modelLimitMb([...Object.values(request.files), ...Object.values(request.base)], recognition)
  return new Promise((examined, failed) => {
    signal.throwIfAborted()
    const settle = (reply: ExaminationReply) => {
      clearTimeout(late)
      signal.removeEventListener('abort', stop)
      child.kill()
      examined(reply)
    }
    const ended = (reason: string) =>
      settle({
        ok: false,
        message: `opening its files, or recognizing with them, ended the process (${reason}); the files are damaged, are not ONNX files, or need more than ${memoryMb} MB of memory`,
      })
    const child = startChild<ExaminationRequest, ExaminationReply>(
      join(import.meta.dirname, '../decoding/examiner.process.ts'),
      { message: settle, ended },
      memoryMb,
    )
    const late = setTimeout(() => settle({ ok: false, message: `it gave no result within ${timeoutMs / 1000} s` }), timeoutMs)
    const stop = () => {
      clearTimeout(late)
      child.kill()
      failed(signal.reason)
    }
    signal.addEventListener('abort', stop, { once: true })
    setNice(child.pid, jobNice)
    child.send(request)
  })
}
