import type { ServerResponse } from 'node:http'

/** Why an upload is refused: a code for programs, words for people, and each bad line where lines are to blame. */
export class UploadProblem extends Error {
  readonly status: number
  readonly code: string
  readonly problems: string[]
  readonly headers: Record<string, string>
  constructor(status: number, code: string, message: string, problems: string[] = [], headers: Record<string, string> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.problems = problems
    this.headers = headers
  }
}

/** Answers as RFC 9457 says, then ends the connection, so that what is left of the body is not read. */
export function sendUploadProblem(response: ServerResponse, { status, code, message, problems, headers }: UploadProblem): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  const body = JSON.stringify({ title: code, status, code, detail: message, ...(problems.length ? { problems } : {}) })
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer' } : {}
  response.writeHead(status, { 'content-type': 'application/problem+json', connection: 'close', ...challenge, ...headers })
  response.end(body, () => setTimeout(() => response.socket?.destroy(), 200).unref())
}
