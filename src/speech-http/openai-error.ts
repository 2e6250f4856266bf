import { ProblemError } from '../http/problem.ts'

/** A problem of one field of a request in the format of OpenAI's API. */
export class FieldProblem extends ProblemError {
  readonly param: string
  constructor(param: string, status: number, code: string, message: string) {
    super(status, code, message)
    this.param = param
  }
}

/** The error in the JSON shape of OpenAI's API. */
export const toOpenAiError = (problem: ProblemError) => ({
  error: {
    message: problem.message,
    type: problem.status >= 500 ? 'server_error' : problem.status === 429 ? 'rate_limit_exceeded' : 'invalid_request_error',
    param: problem instanceof FieldProblem ? problem.param : null,
    code: problem.code,
  },
})
