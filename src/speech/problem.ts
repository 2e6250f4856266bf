import type { ServerResponse } from 'node:http'

/** Why audio was not recognized: a status for HTTP, a code for programs, a sentence for people. */
export class SpeechProblem extends Error {
  readonly status: number
  readonly code: string
  readonly headers: Record<string, string>
  constructor(status: number, code: string, message: string, headers: Record<string, string> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

/** Answers with problem+json (RFC 9457) and ends the connection, so that a body still coming in is not read. */
export function sendProblem(response: ServerResponse, problem: SpeechProblem): void {
  if (response.headersSent) return void response.destroy()
  const body = JSON.stringify({ type: 'about:blank', title: problem.code, status: problem.status, detail: problem.message, code: problem.code })
  response.writeHead(problem.status, {
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
    ...problem.headers,
  })
  response.end(body, () => setTimeout(() => response.socket?.destroy(), 200).unref())
}
