// Signing in: POST /session starts a session for a key and puts its token into a cookie, DELETE /session ends it on the server.
//
// Browsers send cookies along with whatever a foreign page makes them send, so a cookie counts only where
// no foreign page can have asked: with a header that forms and links cannot set, from our own origin.
// Ports do not separate cookies: another program on this machine is "same site", hence the origin is compared whole.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { endSession, startSession } from '../access/browser-session.ts'
import { sessionDays } from '../access/key-validity.ts'
import { hasScope, type Service } from '../domain/context.ts'
import { explainUnavailable, logUnavailable } from '../postgres/unavailable.ts'
import type { Route } from './listen.ts'
import { isOwnOrigin } from './origin.ts'
import { letIn } from './strangers.ts'

const sessionPath = '/session'

/** The dashboard sends this with every request; the value does not matter. */
const ownHeader = 'x-requested-with'
const sessionSeconds = sessionDays * 24 * 3600
const maxBody = 4096
/** Anyone may send such a request, and it is short. */
const maxRequestMs = 5_000

export interface SignIn {
  route: Route
  /** The same route, which also lets signed-in browsers in: the cookie becomes the header that other clients send. */
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
  // A WebSocket can carry no header of ours, but every browser says which page opens it.
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
    if (!key || !viewer) return answer(response, 401, 'This key is unknown, expired or revoked. Copy it again, whole, or use another one.')
    if (!hasScope(viewer, 'READ'))
      return answer(response, 403, 'This key may only send audio to endpoints. The dashboard needs one with the scope READ or MANAGE.')
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
      matches: (path) => path === sessionPath,
      maxRequestMs,
      async handle(request, response) {
        if (!isOwnRequest(request)) return answer(response, 403, 'Only the dashboard may sign in and out, from its own origin.')
        try {
          if (request.method === 'POST') return await signIn(request, response)
          if (request.method === 'DELETE') return await signOut(request, response)
        } catch (error) {
          if (request.readableAborted) return void response.destroy()
          const unavailable = explainUnavailable(error)
          if (unavailable) {
            logUnavailable(service.log, error)
            const { message, code, retryAfterSeconds } = unavailable
            return answer(response, 503, message, { 'retry-after': String(retryAfterSeconds) }, code)
          }
          service.log.warn({ error: String(error) }, 'sign-in or sign-out failed')
          return answer(response, 503, 'The server cannot start or end sessions at the moment. Try again soon.')
        }
        answer(response, 405, 'POST signs in, DELETE signs out.', { allow: 'POST, DELETE' })
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

/** Servers on one host share its cookies whatever their port and path, so the name tells them apart. */
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

/** The key in the body; undefined when there is none that could be one. */
async function readKey(request: IncomingMessage): Promise<string | undefined> {
  let text = ''
  // The connection stays open for the answer.
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
