import { TaskEndedError, TaskRefusal } from '../sandbox/task.ts'

/**
 * Why provisioning cannot go on. A passing failure is tried again, a lasting one ends the deployment
 * at once; either way code and message are written for whoever made the deployment.
 */
export class JobFailure extends Error {
  readonly code: string
  readonly isLasting: boolean
  constructor(code: string, message: string, options: { isLasting: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.code = code
    this.isLasting = options.isLasting
  }
}

/**
 * The lasting failure that a task's refusal means, or its reaching of a limit, in a sentence about the subject.
 * Any other error is answered as it is: the process may have ended for a reason that has nothing to do with its content.
 */
export function explainTask(error: unknown, code: string, subject: string, advice = ''): unknown {
  const reason =
    error instanceof TaskRefusal
      ? error.message
      : error instanceof TaskEndedError && error.limit
        ? `takes more than ${error.limit} to read${error.place ? `; the process was at ${error.place}` : ''}`
        : undefined
  if (reason === undefined) return error
  return new JobFailure(code, `${subject} ${reason}.${advice ? ` ${advice}` : ''}`, { isLasting: true, cause: error })
}
