import type { IncomingMessage, ServerResponse } from 'node:http'
import { JsonScanner } from '../graphql-limits/json-limits.ts'

/** The response to a request that the server cannot read, or whose Accept header it cannot satisfy. */
export interface Refusal {
  status: number
  code: string
  message: string
  headers?: Record<string, string>
  /** Further extensions of the error. */
  figures?: object
}

const jsonTypes = new Set(['application/json', 'application/graphql+json', 'application/graphql-response+json'])
const answerTypes = ['application/json', 'application/graphql-response+json', 'text/event-stream']
const charsets = new Set(['utf-8', 'utf8', 'us-ascii'])

/**
 * Checks a request except for its body: method, media types, encoding, and the JSON in the query of a GET request.
 * Rewrites the media types of the headers in lower case, because media types are not case-sensitive.
 */
export function checkRequest(request: IncomingMessage): Refusal | undefined {
  const { method, headers } = request
  if (method !== 'GET' && method !== 'POST')
    return {
      status: 405,
      code: 'METHOD_NOT_ALLOWED',
      message: 'The method is not supported. Send queries by POST or GET, and mutations by POST.',
      headers: { allow: 'GET, POST, OPTIONS' },
    }
  if (headers.accept !== undefined) headers.accept = headers.accept.toLowerCase()
  return (headers.accept ? checkAccept(headers.accept) : undefined) ?? (method === 'GET' ? checkQuery(request.url ?? '') : checkBody(request))
}

function checkAccept(accept: string): Refusal | undefined {
  if (acceptedTypes(accept).some((range) => answerTypes.some((type) => matches(range, type)))) return undefined
  return {
    status: 406,
    code: 'NOT_ACCEPTABLE',
    message: `The Accept header has no supported media type. Accept ${answerTypes.join(' or ')}. For subscriptions, accept text/event-stream or use a WebSocket.`,
  }
}

/** True when the client accepts an event stream. */
export const acceptsEvents = (accept: string | null) => !accept || acceptedTypes(accept.toLowerCase()).some((range) => matches(range, 'text/event-stream'))

/** The ranges of an Accept header that are not excluded by q=0. */
const acceptedTypes = (accept: string) =>
  accept
    .split(',')
    .map((range) => range.split(';').map((part) => part.trim()))
    .filter(([, ...parameters]) => !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter)))
    .map(([type]) => type ?? '')

const matches = (range: string, type: string) => range === '*/*' || range === type || (range.endsWith('/*') && type.startsWith(range.slice(0, -1)))

function checkBody({ headers }: IncomingMessage): Refusal | undefined {
  const encoding = headers['content-encoding']?.trim().toLowerCase()
  if (encoding && encoding !== 'identity') {
    const message = `The content encoding ${encoding.slice(0, 40)} is not supported. Send the body uncompressed, without Content-Encoding.`
    return { status: 415, code: 'UNSUPPORTED_ENCODING', message, headers: { 'accept-encoding': 'identity' } }
  }
  const [type = '', ...parameters] = (headers['content-type'] ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  if (!jsonTypes.has(type) && type !== 'application/graphql')
    return {
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
      message: 'The Content-Type is not supported. Send the operation as JSON with "Content-Type: application/json".',
      headers: { 'accept-post': 'application/json' },
    }
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice('charset='.length)
    .replaceAll('"', '')
  if (charset && !charsets.has(charset))
    return { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', message: `The charset ${charset.slice(0, 40)} is not supported. Send the body in UTF-8.` }
  headers['content-type'] = jsonTypes.has(type) ? 'application/json' : type
  return undefined
}

function checkQuery(url: string): Refusal | undefined {
  const parameters = new URL(url, 'http://graphql').searchParams
  for (const name of ['variables', 'extensions']) {
    const text = parameters.get(name)
    if (!text) continue
    const problem = findJsonProblem(text)
    if (problem)
      return { status: 400, code: 'BAD_REQUEST', message: `The parameter ${name} ${problem}. Send a percent-encoded JSON object, or omit the parameter.` }
  }
  return undefined
}

function findJsonProblem(text: string): string | undefined {
  if (new JsonScanner().write(Buffer.from(text))) return 'has too many values or is nested too deeply'
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && !Array.isArray(value) ? undefined : 'is not a JSON object'
  } catch {
    return 'is not JSON'
  }
}

/** Sends a refusal in the form of a GraphQL response. `http/linger.ts` discards the rest of the body. */
export function sendRefusal(response: ServerResponse, { status, code, message, headers, figures }: Refusal): void {
  const text = JSON.stringify({ errors: [{ message, extensions: { code, ...figures } }] })
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers }).end(text)
}
