import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type DocumentNode, type FieldNode, GraphQLError, type ValidationContext } from 'graphql'
import { CloseCode, type Context as Socket } from 'graphql-ws'
import { type Extra, useServer } from 'graphql-ws/use/ws'
import { createYoga, type Plugin } from 'graphql-yoga'
import { WebSocketServer } from 'ws'
import { hasScope, type Service } from '../domain/context.ts'
import { createDeploymentLoader } from '../domain/deployment.ts'
import type { Viewer } from '../domain/key.ts'
import { createFittingModelsLoader, createModelLoader } from '../domain/model.ts'
import { createQueuePositionLoader } from '../domain/queue-place.ts'
import { createTimelineLoader } from '../domain/timeline.ts'
import { createStreamCount, findViewer, requireKey, unauthenticated, unavailable } from './admission.ts'
import type { GraphQLContext } from './builder.ts'
import { createFastLane, type FastLane } from './fast-lane.ts'
import { renderGraphiQLPage } from './graphiql.ts'
import { checkOperation, type OperationLimits, type Variables } from './limits.ts'
import { maskError } from './masking.ts'
import { schema } from './schema.ts'

export const graphqlPath = '/graphql'

export interface GraphQLOptions {
  graphiql: boolean
  allowedOrigins: readonly string[]
  limits: OperationLimits & { socketsPerKey: number }
}

const largestBody = 256 * 1024
// A peer that does not answer our close is cut off after closeTimeout, which the types do not know yet.
const socketOptions = { noServer: true, maxPayload: largestBody, perMessageDeflate: false, closeTimeout: 1000 }

/** One GraphQL over HTTP, Server-Sent Events and WebSocket: the same limits, masking and context for all. */
export function createGraphQL(service: Service, options: GraphQLOptions) {
  const toContext = (viewer: Viewer): GraphQLContext => {
    const context = { ...service, viewer }
    return {
      ...context,
      loadModel: createModelLoader(service),
      loadDeployment: createDeploymentLoader(context),
      loadFittingModels: createFittingModelsLoader(context),
      loadTimeline: createTimelineLoader(context),
      loadQueuePosition: createQueuePositionLoader(service),
      operationLimits: options.limits,
    }
  }

  const lane = createFastLane(schema, options.limits)
  const count = createStreamCount(options.limits.socketsPerKey)
  const yoga = createYoga<object, GraphQLContext>({
    schema,
    graphqlEndpoint: graphqlPath,
    graphiql: options.graphiql,
    renderGraphiQL: renderGraphiQLPage,
    landingPage: false,
    batching: false,
    // A refusal for its variables must not be remembered as one of the document.
    parserAndValidationCache: { validationCache: false },
    maxRequestBodySize: largestBody,
    cors: options.allowedOrigins.length ? { origin: [...options.allowedOrigins], credentials: false } : false,
    logging: false,
    plugins: [
      requireKey(service, toContext, options.graphiql),
      limitOperations(options.limits),
      learnDocuments(lane),
      ...(options.graphiql ? [] : [hideSchema()]),
    ],
    maskedErrors: { errorMessage: 'Something went wrong on the server.', maskError: (error, message) => maskError(service, error, message) },
  })

  return {
    async handle(request: IncomingMessage & { body?: Buffer }, response: ServerResponse) {
      try {
        const viewer = request.method === 'POST' ? await findViewer(service, request.headers.authorization).catch(() => null) : null
        if (viewer && isStream(request) && !count.enter(viewer, response)) return refuseStream(response, options.limits.socketsPerKey)
        // A stranger's body is not read at all: the long way asks for the key first.
        if (viewer && hasScope(viewer, 'READ')) {
          const body = await readBody(request)
          if (!body) return refuseBody(response)
          if (await lane.answer(request, response, body, toContext(viewer))) return
          request.body = body
        }
        await yoga.handle(request, response)
      } catch (error) {
        // A client that left in the middle of its body needs no answer.
        if (request.readableAborted || response.destroyed || response.headersSent) return void response.destroy()
        const { message, extensions } = maskError(service, error, 'Something went wrong on the server.') as GraphQLError
        response.writeHead(500, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify({ errors: [{ message, extensions }] }))
      }
    },

    /** Serves graphql-transport-ws to sockets that a server has upgraded on {@link graphqlPath}. */
    openSockets() {
      const sockets = new WebSocketServer(socketOptions)
      const closing = useServer<{ authorization?: string }, SocketExtra>(
        {
          schema,
          connectionInitWaitTimeout: 5000,
          async onConnect(socket) {
            const viewer = await findViewer(service, socket.connectionParams?.authorization ?? socket.extra.request.headers.authorization).catch((error) =>
              unavailable(service, error),
            )
            // A code on which clients come back by themselves: with Postgres they will be let in.
            if (viewer instanceof GraphQLError) return refuse(socket, viewer.message.slice(0, 120), tryAgainLater)
            if (!viewer) return refuse(socket, 'Send { "authorization": "Bearer <key>" } in connection_init.')
            if (!hasScope(viewer, 'READ')) return refuse(socket, 'This key lacks the scope READ.')
            const peer = socket.extra.socket
            // It may have left while Postgres was asked; its close will not come again.
            if (peer.readyState !== peer.OPEN) return true
            if (!count.enter(viewer, peer)) return refuse(socket, `This key has ${options.limits.socketsPerKey} streams open, which is the limit.`)
            const stopWaiting = service.keyring.onEnd(viewer, () => refuse(socket, 'The key has been revoked or has expired.'))
            peer.once('close', stopWaiting)
            socket.extra.viewer = viewer
            return true
          },
          async onSubscribe(socket, _id, payload) {
            const viewer = socket.extra.viewer
            if (!viewer) return [unauthenticated()]
            if (Object.keys(socket.subscriptions).length > options.limits.subscriptionsPerSocket) {
              return [
                new GraphQLError(`One socket may hold ${options.limits.subscriptionsPerSocket} subscriptions. End one, or open another socket.`, {
                  extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' },
                }),
              ]
            }
            const enveloped = yoga.getEnveloped({ ...toContext(viewer), params: payload })
            let document: DocumentNode
            try {
              document = enveloped.parse(payload.query)
            } catch (error) {
              return [error as GraphQLError]
            }
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
      const mayCome = ({ headers }: IncomingMessage) =>
        !headers.origin || options.allowedOrigins.includes(headers.origin) || isSameOrigin(headers.origin, headers.host)
      return {
        upgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
          if (!mayCome(request)) return void socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
          sockets.handleUpgrade(request, socket, head, (opened) => {
            opened.on('error', () => opened.terminate())
            sockets.emit('connection', opened, request)
          })
        },
        close: async () => void (await closing.dispose()),
      }
    },
  }
}

const isStream = ({ headers }: IncomingMessage) => headers.accept?.includes('text/event-stream') ?? false

function refuseStream(response: ServerResponse, most: number) {
  const text = JSON.stringify({
    errors: [
      { message: `This key has ${most} streams open, which is the limit. End one, then open another.`, extensions: { code: 'TOO_MANY_STREAMS', limit: most } },
    ],
  })
  response.writeHead(429, { 'content-type': 'application/json', connection: 'close' }).end(text)
}

type SocketExtra = { viewer?: Viewer }

const tryAgainLater = 1013

function refuse(socket: Socket<{ authorization?: string }, Extra & SocketExtra>, reason: string, code: number = CloseCode.Forbidden): true {
  socket.extra.socket.close(code, reason)
  return true
}

const isSameOrigin = (origin: string, host: string | undefined) => URL.canParse(origin) && new URL(origin).host === host

function limitOperations(limits: OperationLimits): Plugin<GraphQLContext> {
  return {
    onValidate({ params, context, setResult }) {
      const { variables } = (context as { params?: { variables?: Variables } }).params ?? {}
      const refused = checkOperation(params.schema, params.documentAST, variables, limits)
      if (refused) setResult([refused])
    },
  }
}

/** What has passed every check once may take the fast lane from then on. */
function learnDocuments(lane: FastLane): Plugin<GraphQLContext> {
  return {
    onValidate({ params, context }) {
      const { query } = (context as { params?: { query?: string } }).params ?? {}
      return ({ valid }) => {
        if (valid && query) lane.learn(query, params.documentAST)
      }
    },
  }
}

/** The whole body; undefined when it is larger than any request may be. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length
    if (size > largestBody) return undefined
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

/** Answers, then ends the connection, so that the rest of the body is not read. */
function refuseBody(response: ServerResponse) {
  const text = JSON.stringify({
    errors: [{ message: `A request may have ${largestBody} bytes. Ask for less at once.`, extensions: { code: 'REQUEST_TOO_LARGE', limit: largestBody } }],
  })
  response.writeHead(413, { 'content-type': 'application/json', connection: 'close' })
  response.end(text, () => setTimeout(() => response.socket?.destroy(), 200).unref())
}

/** With GraphiQL off, strangers learn nothing of the schema: no introspection, no "did you mean". */
function hideSchema(): Plugin<GraphQLContext> {
  return {
    onValidate({ addValidationRule }) {
      addValidationRule((context: ValidationContext) => ({
        Field(node: FieldNode) {
          if (node.name.value === '__schema' || node.name.value === '__type')
            context.reportError(new GraphQLError('Introspection is switched off here.', { nodes: node }))
        },
      }))
      return ({ valid, result, setResult }) => {
        if (!valid)
          setResult(
            result.map((error) => new GraphQLError(error.message.replace(/ Did you mean .*$/, ''), { nodes: error.nodes ?? [], extensions: error.extensions })),
          )
      }
    },
  }
}
