// Who is let in, and how much of us one key may hold.
import type { IncomingMessage } from 'node:http'
import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Viewer } from '../domain/context.ts'
import { hasScope, type Service } from '../domain/context.ts'
import type { GraphQLContext } from '../graphql/builder.ts'
import { letIn } from '../http/strangers.ts'
import { maskError } from './error-masking.ts'

export const unauthenticated = () =>
  new GraphQLError(
    'Send a key that is known, not expired and not revoked: "Authorization: Bearer <key>", over WebSocket as { "authorization": "Bearer <key>" } in connection_init.',
    { extensions: { code: 'UNAUTHENTICATED', http: { status: 401, headers: { 'www-authenticate': 'Bearer' } } } },
  )

const forbidden = () =>
  new GraphQLError('This key may only send audio to endpoints. This API needs a key with the scope READ or MANAGE.', {
    extensions: { code: 'FORBIDDEN', requiredScope: 'READ', http: { status: 403 } },
  })

export const tooManyStreams = (limit: number) =>
  new GraphQLError(`This key has ${limit} streams open, which is the limit. End one, then open another.`, {
    extensions: { code: 'TOO_MANY_STREAMS', limit, http: { status: 429 } },
  })

/** The last message of every stream whose key or session ends before the stream does. */
export const keyEnded = ({ sessionId }: Viewer) =>
  new GraphQLError(
    sessionId ? 'The session has ended, or its key has. Sign in again.' : 'The key has been revoked or has expired. Connect again with another key.',
    { extensions: { code: 'UNAUTHENTICATED' } },
  )

/**
 * Asks for the key before a byte of the body is read. A key comes in a header that no form and no link of a foreign
 * page can send, so that nothing is left to forge.
 */
export function requireKey(
  service: Service,
  find: RequestViewer,
  toContext: (viewer: Viewer) => GraphQLContext,
  viewers: WeakMap<Request, Viewer>,
): Plugin<GraphQLContext> {
  return {
    async onRequest({ request, fetchAPI, endResponse, serverContext }) {
      if (request.method === 'OPTIONS') return
      const { req } = serverContext as unknown as { req: IncomingMessage }
      const found = await find(req).catch((error) => unavailable(service, error))
      if (found && !(found instanceof GraphQLError) && hasScope(found, 'READ')) return void viewers.set(request, found)
      const error = found instanceof GraphQLError ? found : found ? forbidden() : unauthenticated()
      const { http, ...extensions } = error.extensions as { http: { status: number; headers?: Record<string, string> } }
      const body = JSON.stringify({ errors: [{ message: error.message, extensions }] })
      endResponse(new fetchAPI.Response(body, { status: http.status, headers: { 'content-type': 'application/json', ...http.headers } }))
    },
    onContextBuilding({ context, extendContext }) {
      const viewer = context.request && viewers.get(context.request)
      if (viewer) extendContext(toContext(viewer))
    },
  }
}

/** Nobody can be let in while Postgres does not answer; what went wrong is for the log. */
export function unavailable(service: Service, error: unknown): GraphQLError {
  const masked = maskError(service, error, 'The server cannot look up keys at the moment. Try again soon.') as GraphQLError
  return new GraphQLError(masked.message, { extensions: { http: { status: 503, headers: { 'retry-after': '1' } }, ...masked.extensions } })
}

async function findViewer({ keyring }: Service, authorization: string | null | undefined): Promise<Viewer | null> {
  const secret = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1]
  return secret ? keyring.authenticate(secret) : null
}

/** The sender of a socket's first message. After many wrong keys, null comes late. */
export async function admitViewer(service: Service, request: IncomingMessage, authorization: string | undefined): Promise<Viewer | null> {
  return authorization ? letIn(request, findViewer(service, authorization)) : null
}

/** The sender of a request, looked up once for each. After many wrong keys, null comes late. */
export type RequestViewer = (request: IncomingMessage) => Promise<Viewer | null>

export function findRequestViewers(service: Service): RequestViewer {
  const viewers = new WeakMap<IncomingMessage, Promise<Viewer | null>>()
  return (request) => {
    const found = viewers.get(request) ?? admitViewer(service, request, request.headers.authorization)
    viewers.set(request, found)
    return found
  }
}

/** Counts what each key holds open, sockets and event streams alike. */
export function createStreamCount(most: number) {
  const open = new Map<string, number>()
  return {
    hasRoom: ({ keyId }: Viewer) => (open.get(keyId) ?? 0) < most,

    /** False when the key has as many as it may have; else counted until `peer` closes. */
    enter({ keyId }: Viewer, peer: { once(event: 'close', closed: () => void): unknown }): boolean {
      const others = open.get(keyId) ?? 0
      if (others >= most) return false
      open.set(keyId, others + 1)
      peer.once('close', () => {
        const left = (open.get(keyId) ?? 1) - 1
        if (left > 0) open.set(keyId, left)
        else open.delete(keyId)
      })
      return true
    },
  }
}

export type StreamCount = ReturnType<typeof createStreamCount>
