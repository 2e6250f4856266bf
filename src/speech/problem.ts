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

/** Answers with problem+json (RFC 9457) or a given shape, and ends the connection, so that a body still coming in is not read. */
export function sendProblem(response: ServerResponse, problem: SpeechProblem, shape?: object): void {
  if (response.headersSent) return void response.destroy()
  const { status, code, message } = problem
  const body = JSON.stringify(shape ?? { type: 'about:blank', title: code, status, detail: message, code })
  response.writeHead(status, {
    'content-type': `application/${shape ? 'json' : 'problem+json'}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
    ...problem.headers,
  })
  response.end(body, () => setTimeout(() => response.socket?.destroy(), 200).unref())
}
