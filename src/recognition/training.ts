import { stat } from 'node:fs/promises'
import { startChild } from './child.ts'
import { trainingLimitMb } from './memory-limit.ts'
import { jobNice, setNice } from './nice.ts'
import type { TrainingReply, TrainingRequest } from './trainer.ts'

type Trained = Extract<TrainingReply, { kind: 'TRAINED' }>['statistics']

interface TrainingOptions {
  tell: (progress: { bytes: number; lines: number }) => void
  signal: AbortSignal
}

/** The process that trained ended before it was done. */
export class TrainerEndedError extends Error {}

/** Trains a language model in a process of its own; when the signal aborts, that process ends at once. */
export async function trainWords(request: TrainingRequest, { tell, signal }: TrainingOptions): Promise<Trained> {
  const memoryMb = trainingLimitMb((await stat(request.textFile)).size)
  return new Promise((trained, failed) => {
    signal.throwIfAborted()
    const handlers = {
      message(reply: TrainingReply) {
        if (reply.kind === 'PROGRESS') return tell(reply)
        if (reply.kind === 'TRAINED') trained(reply.statistics)
        else failed(Object.assign(new Error(reply.message), { code: reply.code }))
      },
      ended: (reason: string, lastWords: string) => {
        signal.removeEventListener('abort', stop)
        failed(new TrainerEndedError(`${reason} ${lastWords}`.trim()))
      },
    }
    const child = startChild<TrainingRequest, TrainingReply>('trainer.ts', handlers, memoryMb)
    const stop = () => {
      child.kill()
      failed(signal.reason)
    }
    signal.addEventListener('abort', stop, { once: true })
    setNice(child.pid, jobNice)
    child.send(request)
  })
}
