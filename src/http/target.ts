import type { IncomingMessage } from 'node:http'
import type { HttpProblem } from './problem.ts'

const absoluteForm = /^(?:https?|wss?):\/\/([^/?#]*)/i

/**
 * Brings the request target to origin form, so that all routes compare the same path: the absolute form, as clients
 * behind a proxy send it (RFC 9112, section 3.2.2), loses its origin, and repeated slashes in the path become one.
 */
export function normalizeTarget(request: IncomingMessage): void {
  const target = request.url ?? '/'
  const [origin, authority] = absoluteForm.exec(target) ?? ['', undefined]
  // The host of the target replaces that of the header.
  if (authority) request.headers.host = authority.slice(authority.lastIndexOf('@') + 1)
  const rest = target.slice(origin.length)
  if (!origin && !rest.includes('//')) return
  const end = rest.search(/[?#]/)
  const path = end < 0 ? rest : rest.slice(0, end)
  request.url = `${path.startsWith('/') ? '' : '/'}${path.replace(/\/{2,}/g, '/')}${rest.slice(path.length)}`
}

/** The problem of a request without exactly one Host header, which HTTP/1.1 requires (RFC 9112, section 3.2). */
export function findHostProblem({ rawHeaders, httpVersion }: IncomingMessage): HttpProblem | undefined {
  let hosts = 0
  for (let n = 0; n < rawHeaders.length; n += 2) if (rawHeaders[n]?.length === 4 && rawHeaders[n]?.toLowerCase() === 'host') hosts++
  if (hosts === 1 || (hosts === 0 && httpVersion === '1.0')) return undefined
  return { status: 400, code: 'BAD_HOST', message: `The request has ${hosts || 'no'} Host headers. Send exactly one.`, headers: { connection: 'close' } }
}
