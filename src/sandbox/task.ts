import { type Child, startChild } from './child.ts'
import { jobNice, setNice } from './nice.ts'

/** The limits of one task. */
export interface TaskLimits {
  /** Writable memory of the process; Node needs about 700. */
  memoryMb: number
  /** Processor time of all its threads. */
  cpuSeconds: number
  /** Elapsed time, for a process that waits instead of working. */
  seconds: number
}

/** A task refuses its content. The reason continues a sentence, such as "has no .tsv file". */
export class TaskRefusal extends Error {
  readonly details: Record<string, unknown>
  constructor(reason: string, details: Record<string, unknown> = {}) {
    super(reason)
    this.details = details
  }
}

/** The process of a task ended without a result. */
export class TaskEndedError extends Error {
  /** The exceeded limit, such as "30 s of processor time"; undefined for other reasons. */
  readonly limit: string | undefined
  /** The place that the task was reading, such as "line 3 of table.tsv", if the task reports it. */
  readonly place: string | undefined
  /** The last lines of its output, for the log only because they can contain paths. */
  readonly lastWords: string
  constructor(reason: string, { limit, place, lastWords }: { limit: string | undefined; place: string | undefined; lastWords: string }) {
    super(reason)
    this.limit = limit
    this.place = place
    this.lastWords = lastWords
  }
}

export type TaskReply<Result, Progress> =
  | { kind: 'PLACE'; place: string }
  | { kind: 'PROGRESS'; progress: Progress }
  | { kind: 'DONE'; result: Result }
  | { kind: 'REFUSED'; reason: string; details: Record<string, unknown> }
  | { kind: 'FAILED'; message: string; code: string | undefined }

interface TaskOptions<Progress> {
  limits: TaskLimits
  signal?: AbortSignal | undefined
  tell?: (progress: Progress) => void
}

/**
 * Runs a program that calls `answerTask` as a child process with one request. Rejects with a
 * {@link TaskRefusal}, a {@link TaskEndedError}, an error with the code of the process's error, or the
 * reason of the signal. The process has ended by then.
 */
export function runTask<Request extends object, Result, Progress = never>(
  program: string,
  request: Request,
  { limits, signal, tell }: TaskOptions<Progress>,
): Promise<Result> {
  const { memoryMb, cpuSeconds, seconds } = limits
  const { promise, resolve, reject } = Promise.withResolvers<Result>()
  let place: string | undefined
  const end = (reason: string, limit?: string, lastWords = '') => reject(new TaskEndedError(reason, { limit, place, lastWords }))
  const handlers = {
    message(reply: TaskReply<Result, Progress>) {
      if (reply.kind === 'PLACE') place = reply.place
      else if (reply.kind === 'PROGRESS') tell?.(reply.progress)
      else if (reply.kind === 'DONE') resolve(reply.result)
      else if (reply.kind === 'REFUSED') reject(new TaskRefusal(reply.reason, reply.details))
      else if (isOutOfMemory(`${reply.code} ${reply.message}`)) end('it ran out of memory', `${memoryMb} MB of memory`, reply.message)
      else reject(Object.assign(new Error(reply.message), { code: reply.code }))
    },
    ended(reason: string, lastWords: string) {
      const limit = reason === 'SIGXCPU' ? `${cpuSeconds} s of processor time` : isOutOfMemory(lastWords) ? `${memoryMb} MB of memory` : undefined
      end(reason, limit, lastWords)
    },
  }
  if (signal?.aborted) return Promise.reject(signal.reason)
  const child: Child<Request> = startChild<Request, TaskReply<Result, Progress>>(program, handlers, memoryMb, cpuSeconds)
  setNice(child.pid, jobNice)
  const late = setTimeout(() => end('it was ended', `${seconds} s`), seconds * 1000)
  const stop = () => reject(signal?.reason)
  signal?.addEventListener('abort', stop, { once: true })
  child.send(request)
  return promise.finally(() => {
    clearTimeout(late)
    signal?.removeEventListener('abort', stop)
    child.kill()
  })
}

/** The messages by which Node, V8 and C++ report a failed allocation. */
const isOutOfMemory = (words: string) =>
  /out of memory|allocation failed|bad_alloc|ENOMEM|ERR_MEMORY_ALLOCATION_FAILED|Cannot create a (string|Buffer)/i.test(words)
