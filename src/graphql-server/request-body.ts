import type { IncomingMessage } from 'node:http'
import { JsonScanner } from '../graphql-limits/json-limits.ts'
import type { Variables } from '../graphql-limits/operation-limits.ts'
import { maxRequestBytes } from '../graphql-limits/transport-limits.ts'
import type { Refusal } from './request-check.ts'

/** The parameters of a GraphQL request. `query` is missing when a client sends the hash of a document. */
export interface Parameters {
  query?: string
  variables?: Variables
  operationName?: string
  extensions?: Record<string, unknown> | null
}

/** Reads the parameters of a POST request, or the reason for a refusal. */
export async function readParameters(request: IncomingMessage): Promise<Parameters | Refusal> {
  const isJson = request.headers['content-type'] === 'application/json'
  const body = takeArrived(request, isJson) ?? (await readBody(request, isJson))
  if (!Buffer.isBuffer(body)) return body
  const text = withoutMark(body).toString()
  return isJson ? parseParameters(text) : { query: text }
}

export const isRefusal = (value: Parameters | Refusal): value is Refusal => 'status' in value

/** The body of a request that has arrived in whole, as short ones have; undefined for any other request. */
function takeArrived(request: IncomingMessage, isJson: boolean): Buffer | Refusal | undefined {
  const length = request.readableLength
  if (length === 0 || length > maxRequestBytes || length !== Number(request.headers['content-length'])) return undefined
  const body = request.read() as Buffer
  // Lets the request end.
  request.resume()
  const problem = isJson ? new JsonScanner().write(body) : undefined
  return problem ? tooLarge(problem) : body
}

async function readBody(request: IncomingMessage, isJson: boolean): Promise<Buffer | Refusal> {
  const chunks: Buffer[] = []
  const scanner = new JsonScanner()
  let size = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxRequestBytes)
      return tooLarge(`The request has more than ${maxRequestBytes} bytes, which is the limit. Send several smaller requests.`, maxRequestBytes)
    const problem = isJson ? scanner.write(chunk) : undefined
    if (problem) return tooLarge(problem)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const tooLarge = (message: string, limit?: number): Refusal => ({ status: 413, code: 'REQUEST_TOO_LARGE', message, ...(limit && { figures: { limit } }) })

/** The body without a byte order mark, which some programs write before JSON. */
const withoutMark = (body: Buffer): Buffer => (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? body.subarray(3) : body)

function parseParameters(text: string): Parameters | Refusal {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return badRequest('The body is not JSON. Send {"query": "…", "variables": {…}} as JSON.')
  }
  if (!isObject(parsed)) return badRequest('The body must be a JSON object, such as {"query": "…", "variables": {…}}.')
  const { query, variables, operationName, extensions, ...more } = parsed
  const [unknown] = Object.entries(more).flatMap(([name, value]) => (value == null ? [] : [name]))
  if (unknown !== undefined)
    return badRequest(`The body has an unexpected parameter "${unknown.slice(0, 40)}". Send only query, variables, operationName and extensions.`)
  if (query != null && typeof query !== 'string') return badRequest('The parameter query must be a string with the text of a document.')
  if (!query && !(isObject(extensions) && extensions['persistedQuery'])) return badRequest('The parameter query is missing. Send the text of a document.')
  if (variables != null && !isObject(variables)) return badRequest('The parameter variables must be a JSON object.')
  if (operationName != null && typeof operationName !== 'string')
    return badRequest('The parameter operationName must be a string with the name of an operation.')
  if (extensions != null && !isObject(extensions)) return badRequest('The parameter extensions must be a JSON object.')
  return { ...(query && { query }), variables: variables ?? undefined, ...(operationName && { operationName }), ...(extensions && { extensions }) }
}

const badRequest = (message: string): Refusal => ({ status: 400, code: 'BAD_REQUEST', message })
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
