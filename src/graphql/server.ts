import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { useCSRFPrevention } from '@graphql-yoga/plugin-csrf-prevention'
import { GraphQLError } from 'graphql'
import { CloseCode } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import { createYoga, type Plugin } from 'graphql-yoga'
import { WebSocketServer } from 'ws'
import type { Service } from '../domain/context.ts'
import { authenticate, type Viewer } from '../domain/key.ts'
import { createModelLoader } from '../domain/model.ts'
import type { GraphQLContext } from './builder.ts'
import { renderGraphiQLPage } from './graphiql.ts'
import { schema } from './schema.ts'

export const graphqlPath = '/graphql'

export interface GraphQLOptions {
  graphiql: boolean
  allowedOrigins: readonly string[]
}

const unauthenticated = () =>
  new GraphQLError(
    'Send a key that is known, not expired and not revoked: "Authorization: Bearer <key>", over WebSocket as { "authorization": "Bearer <key>" } in connection_init.',
    {
      extensions: { code: 'UNAUTHENTICATED', http: { status: 401, headers: { 'www-authenticate': 'Bearer' } } },
    },
  )

/** One GraphQL over HTTP, Server-Sent Events and WebSocket: the same plugins, masking and context for all. */
export function createGraphQL(service: Service, options: GraphQLOptions) {
  const toContext = (viewer: Viewer): GraphQLContext => ({ ...service, viewer, loadModel: createModelLoader(service) })

  const yoga = createYoga<object, GraphQLContext>({
    schema,
    graphqlEndpoint: graphqlPath,
    graphiql: options.graphiql,
    renderGraphiQL: renderGraphiQLPage,
    landingPage: false,
    batching: false,
    cors: options.allowedOrigins.length ? { origin: [...options.allowedOrigins], credentials: false } : false,
    logging: false,
    plugins: [useCSRFPrevention({ requestHeaders: ['x-graphql-yoga-csrf', 'apollo-require-preflight', 'authorization'] }), requireKey(service, toContext)],
    maskedErrors: { errorMessage: 'Something went wrong on the server.', maskError: (error, message) => maskError(service, error, message) },
  })

  return {
    handle: yoga.handle,

    /** Serves graphql-transport-ws to sockets that a server has upgraded on {@link graphqlPath}. */
    openSockets() {
      const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024, perMessageDeflate: false })
      const closing = useServer<{ authorization?: string }, { viewer?: Viewer }>(
        {
          schema,
          connectionInitWaitTimeout: 5000,
          async onConnect(socket) {
            const viewer = await findViewer(service, socket.connectionParams?.authorization)
            if (!viewer) return socket.extra.socket.close(CloseCode.Forbidden, 'Send { "authorization": "Bearer <key>" } in connection_init.') as never
            socket.extra.viewer = viewer
            return true
          },
          async onSubscribe(socket, _id, payload) {
            const viewer = socket.extra.viewer
            if (!viewer) return [unauthenticated()]
            const enveloped = yoga.getEnveloped({ ...toContext(viewer), params: payload })
            const document = enveloped.parse(payload.query)
            const problems = enveloped.validate(enveloped.schema, document)
            if (problems.length) return problems
            return {
              schema: enveloped.schema,
              document,
              operationName: payload.operationName,
              variableValues: payload.variables,
              contextValue: await enveloped.contextFactory(),
              rootValue: { execute: enveloped.execute, subscribe: enveloped.subscribe },
            }
          },
          execute: (args) => (args.rootValue as { execute: typeof import('graphql').execute }).execute(args),
          subscribe: (args) => (args.rootValue as { subscribe: typeof import('graphql').subscribe }).subscribe(args),
        },
        sockets,
        15_000,
      )
      return {
        upgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
          sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit('connection', opened, request))
        },
        close: async () => void (await closing.dispose()),
      }
    },
  }
}

/** Looks the key up once per request, before anything of it is parsed; only GraphiQL's empty page needs none. */
function requireKey(service: Service, toContext: (viewer: Viewer) => GraphQLContext): Plugin<GraphQLContext> {
  const viewers = new WeakMap<Request, Viewer>()
  return {
    async onParams({ request }) {
      const viewer = await findViewer(service, request.headers.get('authorization'))
      if (!viewer) throw unauthenticated()
      viewers.set(request, viewer)
    },
    onContextBuilding({ context, extendContext }) {
      const viewer = context.request && viewers.get(context.request)
      if (viewer) extendContext(toContext(viewer))
    },
  }
}

async function findViewer({ store }: Service, authorization: string | null | undefined): Promise<Viewer | null> {
  const secret = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1]
  return secret ? authenticate(store.db, secret) : null
}

// By name, because an application may hold several copies of graphql, each with a class of its own.
const isGraphQLError = (error: unknown): error is GraphQLError => (error as Error | undefined)?.name === 'GraphQLError'

function maskError({ log }: Service, error: unknown, message: string): Error {
  const original = isGraphQLError(error) ? error.originalError : error
  if (isGraphQLError(error) && (!original || isGraphQLError(original))) return error
  const id = crypto.randomUUID()
  log.error({ id, error: original instanceof Error ? original.stack : String(original) }, 'unexpected error')
  const where = isGraphQLError(error) ? { nodes: error.nodes ?? [], path: error.path ?? [] } : {}
  return new GraphQLError(`${message} Look for ${id} in its log.`, { ...where, extensions: { code: 'INTERNAL_SERVER_ERROR', id } })
}
