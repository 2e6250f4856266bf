import { TaskRefusal, type TaskReply } from './task.ts'

export interface TaskReporter<Progress> {
  progress(progress: Progress): void
  /** The place that is being read; the {@link TaskEndedError} of a crash names it. */
  place(place: string): void
}

/** Makes the running program a task: it receives one request, answers it and ends. */
export function answerTask<Request, Result, Progress = never>(work: (request: Request, report: TaskReporter<Progress>) => Promise<Result>): void {
  const send = (reply: TaskReply<Result, Progress>) =>
    new Promise<void>((sent) => {
      if (process.connected) process.send?.(reply, () => sent())
      else sent()
    })
  const report: TaskReporter<Progress> = {
    progress: (progress) => void send({ kind: 'PROGRESS', progress }),
    place: (place) => void send({ kind: 'PLACE', place }),
  }
  process.once('message', (request: Request) =>
    work(request, report)
      .then((result): TaskReply<Result, Progress> => ({ kind: 'DONE', result }), toReply)
      .then(send)
      .finally(() => process.disconnect?.()),
  )
  process.on('disconnect', () => process.exit())
  // Only the parent ends this process; signals from a terminal reach the whole group.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => {})
}

const toReply = (error: NodeJS.ErrnoException): TaskReply<never, never> =>
  error instanceof TaskRefusal
    ? { kind: 'REFUSED', reason: error.message, details: error.details }
    : { kind: 'FAILED', message: error.message, code: error.code }
