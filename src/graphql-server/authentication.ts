// The authentication of GraphQL requests, and the limit on the streams of one key.
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
    'The request has no valid key. Send a key that is neither expired nor revoked: over HTTP as "Authorization: Bearer <key>", over WebSocket as { "authorization": "Bearer <key>" } in connection_init.',
    { extensions: { code: 'UNAUTHENTICATED', http: { status: 401, headers: { 'www-authenticate': 'Bearer' } } } },
  )

const forbidden = () =>
  new GraphQLError('This key can only send audio to endpoints. Use a key with the scope READ or MANAGE.', {
    extensions: { code: 'FORBIDDEN', requiredScope: 'READ', http: { status: 403 } },
  })

export const tooManyStreams = (limit: number) =>
  new GraphQLError(`This key has ${limit} open streams, which is the limit. Close a stream, then try again.`, {
    extensions: { code: 'TOO_MANY_STREAMS', limit, http: { status: 429 } },
  })

/** The last error of a stream whose key or session ends. */
export const keyEnded = ({ sessionId }: Viewer) =>
  new GraphQLError(sessionId ? 'The session or its key has ended. Sign in again.' : 'The key is revoked or expired. Connect again with another key.', {
    extensions: { code: 'UNAUTHENTICATED' },
  })

/**
 * Checks the key before the body is read. Forms and links of other origins cannot send the header of a key, so they
 * cannot forge a request.
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

/** The error for a key that cannot be checked, because Postgres does not answer. The log has the cause. */
export function unavailable(service: Service, error: unknown): GraphQLError {
  const masked = maskError(service, error, 'The server cannot check keys at the moment. Try again in a few seconds.') as GraphQLError
  return new GraphQLError(masked.message, { extensions: { http: { status: 503, headers: { 'retry-after': '1' } }, ...masked.extensions } })
}

async function findViewer({ keyring }: Service, authorization: string | null | undefined): Promise<Viewer | null> {
  const secret = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1]
  return secret ? keyring.authenticate(secret) : null
}

/** The viewer of a WebSocket. After many wrong keys, null is delayed. */
export async function admitViewer(service: Service, request: IncomingMessage, authorization: string | undefined): Promise<Viewer | null> {
  return authorization ? letIn(request, findViewer(service, authorization)) : null
}

/** The viewer of a request; each request is looked up once. After many wrong keys, null is delayed. */
export type RequestViewer = (request: IncomingMessage) => Promise<Viewer | null>

export function findRequestViewers(service: Service): RequestViewer {
  const viewers = new WeakMap<IncomingMessage, Promise<Viewer | null>>()
  return (request) => {
    const found = viewers.get(request) ?? admitViewer(service, request, request.headers.authorization)
    viewers.set(request, found)
    return found
  }
}

/** Counts the open sockets and event streams of each key. */
export function createStreamCount(maxStreams: number) {
  const open = new Map<string, number>()
  return {
    hasCapacity: ({ keyId }: Viewer) => (open.get(keyId) ?? 0) < maxStreams,

    /** Counts a stream until `peer` closes. False, without counting, when the key has the maximum number of streams. */
    enter({ keyId }: Viewer, peer: { once(event: 'close', closed: () => void): unknown }): boolean {
      const others = open.get(keyId) ?? 0
      if (others >= maxStreams) return false
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
