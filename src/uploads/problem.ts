import type { ServerResponse } from 'node:http'
import { sendProblem } from '../http/problem.ts'

/** Why an upload is refused: a code for programs, words for people, and each bad line where lines are to blame. */
export class UploadProblem extends Error {
  readonly status: number
  readonly code: string
  readonly problems: string[]
  readonly headers: Record<string, string>
  /** Members of the answer beside the usual ones, such as figures. */
  readonly members: object
  constructor(status: number, code: string, message: string, problems: string[] = [], headers: Record<string, string> = {}, members: object = {}) {
    super(message)
    this.status = status
    this.code = code
    this.problems = problems
    this.headers = headers
    this.members = members
  }
}

export const tooLarge = (maxBytes: number) =>
  new UploadProblem(413, 'UPLOAD_TOO_LARGE', `The file has more than ${maxBytes / 1e6} MB, unpacked. Send less, or let MAX_UPLOAD_MB be raised.`)

export const damaged = () => new UploadProblem(400, 'UPLOAD_DAMAGED', 'The file did not come whole, or is damaged. Send it again from its beginning.')

export function sendUploadProblem(response: ServerResponse, { status, code, message, problems, headers, members }: UploadProblem): void {
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer' } : {}
  sendProblem(response, { status, code, message, headers: { ...challenge, ...headers } }, { more: { ...(problems.length && { problems }), ...members } })
}
