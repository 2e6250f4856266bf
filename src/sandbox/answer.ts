import { TaskRefusal, type TaskReply } from './task.ts'

export interface Teller<Progress> {
  progress(progress: Progress): void
  /** What is being read now; an error that ends the process names it. */
  place(place: string): void
}

/** Makes the running program the process of one task: it takes one request, answers it and ends. */
export function answerTask<Request, Result, Progress = never>(work: (request: Request, tell: Teller<Progress>) => Promise<Result>): void {
  const send = (reply: TaskReply<Result, Progress>) =>
    new Promise<void>((sent) => {
      if (process.connected) process.send?.(reply, () => sent())
      else sent()
    })
  const tell: Teller<Progress> = { progress: (progress) => void send({ kind: 'PROGRESS', progress }), place: (place) => void send({ kind: 'PLACE', place }) }
  process.once('message', (request: Request) =>
    work(request, tell)
      .then((result): TaskReply<Result, Progress> => ({ kind: 'DONE', result }), toReply)
      .then(send)
      .finally(() => process.disconnect?.()),
  )
  process.on('disconnect', () => process.exit())
  // The parent ends it; signals to a terminal's whole group are for the parent.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => {})
}

const toReply = (error: NodeJS.ErrnoException): TaskReply<never, never> =>
  error instanceof TaskRefusal
    ? { kind: 'REFUSED', reason: error.message, details: error.details }
    : { kind: 'FAILED', message: error.message, code: error.code }
