import { WebSocket } from 'ws'
import type { Endpoint } from '../domain/endpoint.ts'

const checkMs = 3_000

/** The codes of refusals that this server sends when the address, the token or the deployment of a call is wrong. */
const misroutedCodes = new Set(['ENDPOINT_NOT_FOUND', 'KEY_INVALID', 'KEY_MISSING', 'KEY_REVOKED', 'UNKNOWN_PATH', 'METHOD_NOT_ALLOWED'])

/**
 * Calls the public URLs of the endpoint without audio. Returns a sentence for the operator if the deployment does not
 * answer there; undefined if it does. Never rejects, takes at most three seconds, and uses no recognizer.
 */
export async function checkPublicUrl(endpoint: Endpoint, publicUrl: string, token: string, ended: AbortSignal): Promise<string | undefined> {
  const signal = AbortSignal.any([ended, AbortSignal.timeout(checkMs)])
  const [http, webSocket] = await Promise.all([
    checkHttp(endpoint.httpUrl, token, signal),
    checkWebSocket(endpoint.webSocketUrl, token, signal).catch((error) => explain(error, signal)),
  ])
  if (http)
    return `PUBLIC_URL (${publicUrl}) does not lead to this deployment from the server: ${http}. Check PUBLIC_URL, its host name and certificate, and the routes of the proxy. If clients reach it from their network, ignore this warning.`
  if (webSocket)
    return `PUBLIC_URL (${publicUrl}) passes HTTP requests but no WebSockets to this deployment: ${webSocket}. Check that the proxy passes the headers Upgrade and Connection.`
  return undefined
}

/** The reason why the URL does not lead to the deployment. */
type Finding = string | undefined

/** A request without audio is refused after the check of its token and deployment, with a code of this server. */
async function checkHttp(url: string, token: string, signal: AbortSignal): Promise<Finding> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'audio/wav' },
      signal,
      redirect: 'manual',
    })
    const { code } = (await response.json().catch(() => ({}))) as { code?: unknown }
    if (typeof code !== 'string') return `another server answered with the status ${response.status}`
    return misroutedCodes.has(code) ? `the answer was ${code}` : undefined
  } catch (error) {
    return explain(error, signal)
  }
}

/** A refused socket is closed at its first message. An open one answers the ping that follows the message. */
async function checkWebSocket(url: string, token: string, signal: AbortSignal): Promise<Finding> {
  if (signal.aborted) return explain(signal.reason, signal)
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } })
  let abandon = () => {}
  return new Promise<Finding>((found) => {
    abandon = () => found(explain(signal.reason, signal))
    signal.addEventListener('abort', abandon, { once: true })
    socket.on('error', (error) => found(explain(error, signal)))
    socket.on('unexpected-response', (_, { statusCode }) => found(isFull(statusCode) ? undefined : `the upgrade was refused with the status ${statusCode}`))
    socket.on('open', () => {
      socket.send('Path: check\r\n\r\n')
      socket.ping()
    })
    socket.on('pong', () => found(undefined))
    socket.on('close', (code, reason) => {
      const problem = /^[A-Z_]+(?=:)/.exec(String(reason))?.[0]
      found(problem && !misroutedCodes.has(problem) ? undefined : `the socket was closed with ${problem ?? code}`)
    })
  }).finally(() => {
    signal.removeEventListener('abort', abandon)
    socket.terminate()
  })
}

/** The status of a server that has too many sockets. */
const isFull = (status: number | undefined) => status === 503 || status === 429

/** The code of a network error, which names no secret. */
function explain(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'there was no answer in time'
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } }
  return `the connection failed (${String(cause?.code ?? code ?? 'no reason given')})`
}
