import type { IncomingMessage, ServerResponse } from 'node:http'

const preflightSeconds = '7200'
/** A list of at most 51 header names, as a preflight sends it. */
const headerNames = /^[\w-]+(\s*,\s*[\w-]+){0,50}$/

/** Adds the CORS headers. True when the request was a preflight, which is answered then. */
export type Cors = (request: IncomingMessage, response: ServerResponse) => boolean

/**
 * Lets pages of the allowed origins call a route. The function runs before the route, so that refusals have the headers
 * too. Credentials are not allowed: pages of other origins send a key in a header, and cookies are for the dashboard.
 */
export function createCors(allowedOrigins: readonly string[], methods: string): Cors {
  const allowed = new Set(allowedOrigins)
  return ({ method, headers }, response) => {
    const isAllowed = headers.origin !== undefined && allowed.has(headers.origin)
    // Caches must not serve the response for one origin to another origin.
    if (allowed.size) response.setHeader('vary', 'Origin')
    if (isAllowed) {
      response.setHeader('access-control-allow-origin', headers.origin ?? '')
      response.setHeader('access-control-expose-headers', 'Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, X-Request-Id')
    }
    if (method !== 'OPTIONS') return false
    if (isAllowed) {
      const names = headers['access-control-request-headers'] ?? ''
      response.setHeader('access-control-allow-methods', methods)
      response.setHeader('access-control-allow-headers', headerNames.test(names) ? names : 'authorization, content-type')
      response.setHeader('access-control-max-age', preflightSeconds)
    }
    response.writeHead(204, { allow: methods }).end()
    return true
  }
}
