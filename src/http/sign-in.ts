// POST /session starts a session for a key and sets its token as a cookie. DELETE /session ends the session on the server.
//
// Browsers add cookies to requests of pages of other origins too. A cookie is therefore accepted only with a header that
// forms and links cannot set, and only from the dashboard's origin. Cookies do not depend on the port, and another program
// on the same machine is "same site", so the whole origin is compared.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { endSession, startSession } from '../access/browser-session.ts'
import { sessionDays } from '../access/key-validity.ts'
import { hasScope, type Service } from '../domain/context.ts'
import { logUnavailable } from '../postgres/log-unavailable.ts'
import { explainUnavailable } from '../postgres/unavailable.ts'
import type { Route } from './listen.ts'
import { isOwnOrigin } from './origin.ts'
import { presentRequestId } from './request-record.ts'
import { letIn } from './strangers.ts'

const sessionPath = '/session'

/** The dashboard sends this header with every request, with any value. */
const ownHeader = 'x-requested-with'
const sessionSeconds = sessionDays * 24 * 3600
const maxBody = 4096
/** The request needs no key and is short. */
const maxRequestMs = 5_000

export interface SignIn {
  route: Route
  /** The same route with support for signed-in browsers: the cookie becomes the header Authorization that other clients send. */
  letIn(route: Route): Route
}

export function createSignIn(service: Service): SignIn {
  const { publicUrl } = service
  const name = cookieName(publicUrl)
  const attributes = `Path=/; HttpOnly; SameSite=Strict${publicUrl.startsWith('https:') ? '; Secure' : ''}`

  const comesFromUs = ({ headers }: IncomingMessage, origin: string) => isOwnOrigin(origin, headers.host, publicUrl)
  const isOwnRequest = (request: IncomingMessage) => {
    const { origin, 'sec-fetch-site': site } = request.headers
    return request.headers[ownHeader] !== undefined && (!origin || comesFromUs(request, origin)) && (!site || site === 'same-origin')
  }
  // A browser cannot set headers of a WebSocket, but always sends the page's origin.
  const isOwnSocket = (request: IncomingMessage) => request.headers.origin !== undefined && comesFromUs(request, request.headers.origin)

  const admit = (request: IncomingMessage, isOwn: (request: IncomingMessage) => boolean) => {
    const { headers } = request
    if (!headers.cookie || headers.authorization || headers['ocp-apim-subscription-key'] || !isOwn(request)) return
    const token = readCookie(headers.cookie, name)
    if (token) headers.authorization = `Bearer ${service.keyring.secretOfSession(token)}`
  }

  async function signIn(request: IncomingMessage, response: ServerResponse) {
    const key = await readKey(request)
    const viewer = key ? await letIn(request, service.keyring.authenticate(key)) : null
    if (!key || !viewer) return answer(response, 401, 'This key is unknown, expired or revoked. Copy the whole key again, or use another one.')
    if (!hasScope(viewer, 'READ')) return answer(response, 403, 'This key can only send audio to endpoints. Use a key with the scope READ or MANAGE.')
    await endPresent(request)
    const token = await startSession(service, viewer, request.headers['user-agent'])
    response.writeHead(204, { 'set-cookie': `${name}=${token}; Max-Age=${sessionSeconds}; ${attributes}`, 'cache-control': 'no-store' }).end()
  }

  async function signOut(request: IncomingMessage, response: ServerResponse) {
    await endPresent(request)
    response.writeHead(204, { 'set-cookie': `${name}=; Max-Age=0; ${attributes}`, 'cache-control': 'no-store' }).end()
  }

  const endPresent = async ({ headers }: IncomingMessage) => {
    const token = readCookie(headers.cookie ?? '', name)
    if (token) await endSession(service, token)
  }

  return {
    route: {
      name: sessionPath,
      matches: (path) => path === sessionPath,
      maxRequestMs,
      async handle(request, response) {
        if (!isOwnRequest(request)) return answer(response, 403, 'Only the dashboard can sign in and out, from its own origin.')
        try {
          if (request.method === 'POST') return await signIn(request, response)
          if (request.method === 'DELETE') return await signOut(request, response)
        } catch (error) {
          if (request.readableAborted) return void response.destroy()
          const unavailable = explainUnavailable(error)
          if (unavailable) {
            logUnavailable(service.log, error, presentRequestId())
            const { message, code, retryAfterSeconds } = unavailable
            return answer(response, 503, message, { 'retry-after': String(retryAfterSeconds) }, code)
          }
          service.log.warn({ id: presentRequestId(), error }, 'sign-in or sign-out failed')
          return answer(response, 503, 'The server cannot start or end sessions at the moment. Try again in a few seconds.')
        }
        answer(response, 405, 'Use POST to sign in, and DELETE to sign out.', { allow: 'POST, DELETE' })
      },
    },
    letIn: (route) => ({
      ...route,
      handle(request, response) {
        admit(request, isOwnRequest)
        return route.handle(request, response)
      },
      ...(route.upgrade && {
        upgrade(request, socket, head) {
          admit(request, isOwnSocket)
          route.upgrade?.(request, socket, head)
        },
      }),
    }),
  }
}

/** The name contains the port and the path, because servers on one host share its cookies. */
function cookieName(publicUrl: string): string {
  const { protocol, port, pathname } = new URL(publicUrl)
  const prefix = pathname.slice(1).replace(/[^\w]+/g, '-')
  return [protocol === 'https:' ? '__Host-custom-speech' : `custom-speech-${port || 80}`, prefix].filter(Boolean).join('-')
}

const readCookie = (header: string, name: string) =>
  header
    .split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1)

/** The key in the body; undefined if the body is too long or has no key. */
async function readKey(request: IncomingMessage): Promise<string | undefined> {
  let text = ''
  // The connection stays open for the response.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    text += chunk
    if (text.length > maxBody) return undefined
  }
  try {
    const { key } = JSON.parse(text) as { key?: unknown }
    return typeof key === 'string' ? key.trim() : undefined
  } catch {
    return undefined
  }
}

function answer(response: ServerResponse, status: number, message: string, headers: Record<string, string> = {}, code?: string) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ message, code }))
}
