import type { IncomingMessage, ServerResponse } from 'node:http'

const preflightSeconds = '7200'
/** What a page may ask to send: names of headers, a short list of them. */
const headerNames = /^[\w-]+(\s*,\s*[\w-]+){0,50}$/

/** Adds the headers that pages of other origins need; true when it has answered a preflight. */
export type Cors = (request: IncomingMessage, response: ServerResponse) => boolean

/**
 * Says which foreign pages may call and read, before anything is answered, so that refusals say it too. Credentials
 * are not allowed: a page sends a key in a header, and cookies count for our own pages only.
 * Answers preflights; true when it has.
 */
export function createCors(allowedOrigins: readonly string[], methods: string): Cors {
  const allowed = new Set(allowedOrigins)
  return ({ method, headers }, response) => {
    const isAllowed = headers.origin !== undefined && allowed.has(headers.origin)
    // What is answered to one origin is not to be given to another, whether it was allowed or not.
    if (allowed.size) response.setHeader('vary', 'Origin')
    if (isAllowed) {
      response.setHeader('access-control-allow-origin', headers.origin ?? '')
      response.setHeader('access-control-expose-headers', 'Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate')
    }
    if (method !== 'OPTIONS') return false
    if (isAllowed) {
      const wanted = headers['access-control-request-headers'] ?? ''
      response.setHeader('access-control-allow-methods', methods)
      response.setHeader('access-control-allow-headers', headerNames.test(wanted) ? wanted : 'authorization, content-type')
      response.setHeader('access-control-max-age', preflightSeconds)
    }
    response.writeHead(204, { allow: methods }).end()
    return true
  }
}
