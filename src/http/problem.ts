import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { defaultHeaders } from './headers.ts'
import { closeInStages } from './linger.ts'
import { presentRequestId } from './request-record.ts'

/** The reason for a refused request: a status, a code for programs, a sentence for people. */
export interface HttpProblem {
  status: number
  code: string
  message: string
  headers?: Record<string, string>
  /** Further members of the response's problem+json, such as figures. */
  members?: object
}

/** A problem that is thrown: a request, an upload or a stream of audio cannot be served. */
export class ProblemError extends Error implements HttpProblem {
  readonly status: number
  readonly code: string
  readonly headers: Record<string, string>
  readonly members: object
  constructor(status: number, code: string, message: string, { headers = {}, members = {} }: Pick<HttpProblem, 'headers' | 'members'> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
    this.members = members
  }
}

/** Sends the problem as problem+json (RFC 9457). `shape` replaces the body by another JSON object. */
export function sendProblem(response: ServerResponse, problem: HttpProblem, { shape }: { shape?: object } = {}): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  const body = JSON.stringify(shape ?? describe(problem))
  response.writeHead(problem.status, {
    'content-type': shape ? 'application/json; charset=utf-8' : problemType,
    'content-length': Buffer.byteLength(body),
    // The request is incomplete, so the connection cannot carry another one.
    ...(problem.status === 408 && { connection: 'close' }),
    ...problem.headers,
  })
  response.end(body)
}

/** Sends the problem on a connection without a response object, for an upgrade or for bytes that are not HTTP, and closes it. */
export function refuseConnection(socket: Duplex, problem: HttpProblem): void {
  if (!socket.writable) return void socket.destroy()
  const body = JSON.stringify(describe(problem))
  const id = { 'X-Request-Id': presentRequestId() }
  const headers = { ...defaultHeaders, ...id, 'Content-Type': problemType, 'Content-Length': Buffer.byteLength(body), Connection: 'close', ...problem.headers }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join('')}\r\n${body}`)
  closeInStages(socket)
}

const problemType = 'application/problem+json; charset=utf-8'

const describe = ({ status, code, message, members }: HttpProblem) => ({ type: 'about:blank', title: code, status, detail: message, code, ...members })

/** The problem for an error code of Node's HTTP parser. */
export function explainBadRequest(code: string | undefined): HttpProblem {
  if (code === 'HPE_HEADER_OVERFLOW')
    return { status: 431, code: 'HEADERS_TOO_LARGE', message: 'The headers are larger than 16 kB. Send fewer headers, or a shorter address.' }
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return { status: 413, code: 'CHUNK_EXTENSIONS_TOO_LARGE', message: 'The chunk extensions are larger than 16 kB. Send chunks without extensions.' }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { status: 408, code: 'REQUEST_TOO_SLOW', message: 'The headers did not arrive in time. Send the request again.' }
  return { status: 400, code: 'MALFORMED_REQUEST', message: 'This is not a well-formed HTTP/1.1 request. Correct the client, or the proxy in front of it.' }
}
