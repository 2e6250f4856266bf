import { TaskEndedError, TaskRefusal } from '../sandbox/task.ts'

/**
 * The failure of a job. After a temporary failure the job is tried again; a lasting failure ends the attempt at once.
 * Code and message are for the user.
 */
export class JobFailure extends Error {
  readonly code: string
  readonly isLasting: boolean
  /** A sentence for each problem of the input, if several were found. */
  readonly problems: readonly string[]
  constructor(code: string, message: string, options: { isLasting: boolean; cause?: unknown; problems?: readonly string[] }) {
    super(message, { cause: options.cause })
    this.problems = options.problems ?? []
    this.code = code
    this.isLasting = options.isLasting
  }
}

/**
 * A lasting failure when a task refused its input or reached a limit, in a sentence about the subject. Any other error is
 * returned unchanged: the process can have ended for a reason that has nothing to do with the input.
 */
export function explainTask(error: unknown, code: string, subject: string, advice = ''): unknown {
  const reason =
    error instanceof TaskRefusal
      ? error.message
      : error instanceof TaskEndedError && error.limit
        ? `takes more than ${error.limit} to read${error.place ? `; the process was at ${error.place}` : ''}`
        : undefined
  if (reason === undefined) return error
  const problems = error instanceof TaskRefusal ? ((error.details['problems'] as string[] | undefined) ?? []) : []
  return new JobFailure(code, `${subject} ${reason}.${advice ? ` ${advice}` : ''}`, { isLasting: true, cause: error, problems })
}
