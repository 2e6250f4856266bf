import type { ServerResponse } from 'node:http'
import { sendProblem } from '../http/problem.ts'

/** Why an upload is refused: a code for programs, words for people, and each bad line where lines are to blame. */
export class UploadProblem extends Error {
  readonly status: number
  readonly code: string
  readonly problems: string[]
  constructor(status: number, code: string, message: string, problems: string[] = []) {
    super(message)
    this.status = status
    this.code = code
    this.problems = problems
  }
}

export function sendUploadProblem(response: ServerResponse, { status, code, message, problems }: UploadProblem): void {
  const headers = status === 401 ? { 'www-authenticate': 'Bearer' } : {}
  sendProblem(response, { status, code, message, headers }, { more: problems.length ? { problems } : {} })
}
