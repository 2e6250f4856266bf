import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ExecutionArgs, type ExecutionResult, GraphQLError } from 'graphql'
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL, makeServer } from 'graphql-ws'
import type { YogaServerInstance } from 'graphql-yoga'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Viewer } from '../domain/context.ts'
import { hasScope, type Service } from '../domain/context.ts'
import type { GraphQLContext } from '../graphql/builder.ts'
import { maxSocketMessageBytes } from '../graphql-limits/transport-limits.ts'
import { isOwnOrigin } from '../http/origin.ts'
import { refuseConnection } from '../http/problem.ts'
import { presentRequestId } from '../http/request-record.ts'
import { admitViewer, keyEnded, type StreamCount, tooManyStreams, unauthenticated, unavailable } from './authentication.ts'
import type { Broadcasts } from './broadcast.ts'
import { explainRefusal, findAuthorization } from './connection-key.ts'
import { chooseDelivery } from './delivery.ts'
import type { Documents } from './documents.ts'
import { toShownError } from './error-masking.ts'
import { WebSocketAnswers } from './websocket-answers.ts'
import { WebSocketBinding } from './websocket-binding.ts'
import { toPayload, WebSocketSubscription } from './websocket-subscription.ts'

// A peer that does not answer a close frame is terminated after closeTimeout, which the types lack.
const socketOptions = { noServer: true, maxPayload: maxSocketMessageBytes, perMessageDeflate: false, closeTimeout: 1000, handleProtocols }
/** A peer that has not answered a ping before the next ping is terminated. */
const pingMs = 10_000

export interface SocketOptions {
  allowedOrigins: readonly string[]
  limits: { subscriptionsPerSocket: number; socketsPerKey: number }
}

interface WebSocketParts {
  yoga: YogaServerInstance<object, GraphQLContext>
  toContext: (viewer: Viewer) => GraphQLContext
  broadcasts: Broadcasts
  count: StreamCount
  mask: (error: unknown) => Error
  documents: Documents
}

type SocketExtra = { socket: WebSocket; answers: WebSocketAnswers; request?: IncomingMessage | undefined; viewer?: Viewer }
/** Executes one operation. `onSubscribe` makes it, and graphql-ws passes it on with the arguments. */
interface OperationExecutor {
  execute(args: ExecutionArgs): Promise<ExecutionResult>
  subscribe(args: ExecutionArgs): Promise<AsyncIterableIterator<ExecutionResult>>
}
type ExecutorArgs = ExecutionArgs & { executor: OperationExecutor }

/** Serves graphql-transport-ws to sockets that a server has upgraded. */
export function openSockets(
  service: Service,
  { allowedOrigins, limits }: SocketOptions,
  { yoga, toContext, broadcasts, count, mask, documents }: WebSocketParts,
) {
  const sockets = new WebSocketServer(socketOptions)
  sockets.on('headers', (headers) => headers.push(`X-Request-Id: ${presentRequestId()}`))
  const toShown = (error: unknown) => toShownError(mask(error) as GraphQLError)
  const server = makeServer<Record<string, unknown>, SocketExtra>({
    connectionInitWaitTimeout: 5000,
    async onConnect({ connectionParams, extra }) {
      const { socket: peer, request } = extra
      const authorization = findAuthorization(connectionParams) ?? request?.headers.authorization
      // `request` is set until the key has been checked, which happens once.
      if (!request) return false
      const viewer = await admitViewer(service, request, authorization).catch((error) => unavailable(service, error))
      // Clients connect again after this code, which succeeds when Postgres answers.
      if (viewer instanceof GraphQLError) return refuse(peer, viewer.message.slice(0, 120), tryAgainLater)
      if (!viewer) return refuse(peer, explainRefusal(authorization))
      if (!hasScope(viewer, 'READ')) return refuse(peer, 'This key lacks the scope READ. Connect with a key that has the scope READ or MANAGE.')
      // The peer can have left during the look-up, and emits no further `close`.
      if (peer.readyState !== peer.OPEN) return true
      if (!count.enter(viewer, peer)) return refuse(peer, tooManyStreams(limits.socketsPerKey).message)
      const stopWaiting = service.keyring.onEnd(viewer, () => refuse(peer, keyEnded(viewer).message))
      peer.once('close', stopWaiting)
      extra.viewer = viewer
      // Frees the headers, which would stay in memory as long as the socket.
      extra.request = undefined
      return true
    },
    async onSubscribe(socket, id, payload) {
      const viewer = socket.extra.viewer
      if (!viewer) return [unauthenticated()]
      if (Object.keys(socket.subscriptions).length > limits.subscriptionsPerSocket) {
        return [
          new GraphQLError(
            `This socket has ${limits.subscriptionsPerSocket} subscriptions, which is the limit. Complete a subscription, or open another socket.`,
            {
              extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' },
            },
          ),
        ]
      }
      await documents.takeTurn(payload.query)
      const enveloped = yoga.getEnveloped({ ...toContext(viewer), params: payload })
      const document = enveloped.parse(payload.query)
      const problems = enveloped.validate(enveloped.schema, document)
      if (problems.length) {
        service.measures.operation('unknown', 'refused')
        return problems
      }
      const executor: OperationExecutor = {
        execute: (args) => socket.extra.answers.run(() => enveloped.execute(args) as Promise<ExecutionResult>),
        async subscribe(args) {
          const operation = { ...args, query: payload.query, viewer, contextValue: args.contextValue as GraphQLContext }
          const delivery = await chooseDelivery(operation)
          if (delivery.path === 'execution') return enveloped.subscribe(args) as AsyncIterableIterator<ExecutionResult>
          // graphql-ws keeps these objects as long as the subscription, and the broadcast does not need them.
          Object.assign(args, { document: undefined, variableValues: undefined, contextValue: undefined, executor: undefined })
          Object.assign(payload, { query: '', variables: undefined })
          return new WebSocketSubscription(socket.extra.socket, id, (stream) => broadcasts.join(operation, delivery.watch, stream))
        },
      }
      return {
        schema: enveloped.schema,
        document,
        operationName: payload.operationName || undefined,
        variableValues: payload.variables,
        contextValue: await enveloped.contextFactory(),
        executor,
      }
    },
    onNext: (_socket, _id, _payload, _args, result) => toPayload(result as ExecutionResult),
    onError: (_socket, _id, _payload, errors) => errors.map(toShown),
    execute: (args) => (args as ExecutorArgs).executor.execute(args),
    subscribe: (args) => (args as ExecutorArgs).executor.subscribe(args),
  })
  const stopPinging = pingAll(sockets)
  const isAllowedOrigin = ({ headers: { origin, host } }: IncomingMessage) =>
    !origin || allowedOrigins.includes(origin) || isOwnOrigin(origin, host, service.publicUrl)
  return {
    upgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
      if (!isAllowedOrigin(request)) return refuseConnection(socket, foreignOrigin)
      sockets.handleUpgrade(request, socket, head, (opened) => {
        opened.on('error', terminate)
        // A socket with another subprotocol opens first, because browsers show a close reason but no reason for a failed handshake.
        if (opened.protocol !== GRAPHQL_TRANSPORT_WS_PROTOCOL) return opened.close(CloseCode.SubprotocolNotAcceptable, otherProtocol)
        sockets.emit('connection', opened)
        const answers = new WebSocketAnswers(opened)
        new WebSocketBinding(opened, answers, toShown, 2 * limits.subscriptionsPerSocket).open(server, { socket: opened, answers, request })
      })
    },
    async close() {
      stopPinging()
      for (const socket of sockets.clients) socket.close(1001, 'The server is shutting down. Connect again.')
      await new Promise((closed) => sockets.close(closed))
    },
  }
}

// Outside of `upgrade`, because a closure there would keep the request in memory as long as the socket.
function terminate(this: WebSocket) {
  this.terminate()
}

/** One timer for all sockets. A dead socket is terminated within two intervals. */
function pingAll(sockets: WebSocketServer): () => void {
  const unanswered = new WeakSet<WebSocket>()
  function answered(this: WebSocket) {
    unanswered.delete(this)
  }
  sockets.on('connection', (socket) => socket.on('pong', answered))
  const pinging = setInterval(() => {
    for (const socket of sockets.clients) {
      if (unanswered.has(socket)) socket.terminate()
      else if (socket.readyState === socket.OPEN) {
        unanswered.add(socket)
        socket.ping()
      }
    }
  }, pingMs).unref()
  return () => clearInterval(pinging)
}

const tryAgainLater = 1013

const foreignOrigin = {
  status: 403,
  code: 'ORIGIN_NOT_ALLOWED',
  message: 'Pages of this origin cannot open this socket. Add the origin to ALLOWED_ORIGINS.',
}

function refuse(socket: WebSocket, reason: string, code: number = CloseCode.Forbidden): true {
  socket.close(code, reason)
  return true
}

const otherProtocol = 'Use the subprotocol graphql-transport-ws, which the npm package graphql-ws implements.'

/** Selects graphql-transport-ws, or else the first requested subprotocol, so that the socket can be closed with a reason. */
function handleProtocols(requested: Set<string>): string | false {
  return requested.has(GRAPHQL_TRANSPORT_WS_PROTOCOL) ? GRAPHQL_TRANSPORT_WS_PROTOCOL : ([...requested][0] ?? false)
}
