import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type DocumentNode, type ExecutionArgs, type ExecutionResult, type execute, GraphQLError } from 'graphql'
import { CloseCode, type Context as Socket } from 'graphql-ws'
import { type Extra, useServer } from 'graphql-ws/use/ws'
import type { YogaServerInstance } from 'graphql-yoga'
import { type WebSocket, WebSocketServer } from 'ws'
import { hasScope, type Service } from '../domain/context.ts'
import type { Viewer } from '../domain/key.ts'
import { isOwnOrigin } from '../domain/origin.ts'
import { refuseConnection } from '../http/problem.ts'
import { findViewer, type StreamCount, unauthenticated, unavailable } from './admission.ts'
import type { Broadcasts } from './broadcast.ts'
import type { GraphQLContext } from './builder.ts'
import { toShownError } from './masking.ts'
import { SocketStream, toPayload } from './socket-stream.ts'

const largestMessage = 256 * 1024
// A peer that does not answer our close is cut off after closeTimeout, which the types do not know yet.
const socketOptions = { noServer: true, maxPayload: largestMessage, perMessageDeflate: false, closeTimeout: 1000 }
/** A peer that has not answered one ping when the next is due is gone. */
const pingMs = 10_000

export interface SocketOptions {
  allowedOrigins: readonly string[]
  limits: { subscriptionsPerSocket: number; socketsPerKey: number }
}

interface Parts {
  yoga: YogaServerInstance<object, GraphQLContext>
  toContext: (viewer: Viewer) => GraphQLContext
  broadcasts: Broadcasts
  count: StreamCount
}

type SocketExtra = { viewer?: Viewer }
/** What graphql-ws carries from our checks to our execution. */
interface Steps {
  execute: typeof execute
  subscribe(args: ExecutionArgs): Promise<AsyncIterableIterator<ExecutionResult>>
}

/** Serves graphql-transport-ws to sockets that a server has upgraded. */
export function openSockets(service: Service, { allowedOrigins, limits }: SocketOptions, { yoga, toContext, broadcasts, count }: Parts) {
  const sockets = new WebSocketServer(socketOptions)
  const closing = useServer<{ authorization?: string }, SocketExtra>(
    {
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
        if (!count.enter(viewer, peer)) return refuse(socket, `This key has ${limits.socketsPerKey} streams open, which is the limit.`)
        const stopWaiting = service.keyring.onEnd(viewer, () => refuse(socket, 'The key has been revoked or has expired.'))
        peer.once('close', stopWaiting)
        socket.extra.viewer = viewer
        // Its headers have been read; they would be kept as long as the socket.
        Object.assign(socket.extra, { request: undefined })
        return true
      },
      async onSubscribe(socket, id, payload) {
        const viewer = socket.extra.viewer
        if (!viewer) return [unauthenticated()]
        if (Object.keys(socket.subscriptions).length > limits.subscriptionsPerSocket) {
          return [
            new GraphQLError(`One socket may hold ${limits.subscriptionsPerSocket} subscriptions. End one, or open another socket.`, {
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
        const steps: Steps = {
          execute: enveloped.execute,
          async subscribe(args) {
            const operation = { ...args, query: payload.query, viewer, contextValue: args.contextValue as GraphQLContext }
            const watch = await broadcasts.open(operation)
            if (!watch) return enveloped.subscribe(args) as AsyncIterableIterator<ExecutionResult>
            // These are held as long as the subscription, and not needed any more: the broadcast has its own.
            Object.assign(args, { document: undefined, variableValues: undefined, contextValue: undefined, rootValue: undefined })
            Object.assign(payload, { query: '', variables: undefined })
            return new SocketStream(socket.extra.socket, id, (stream) => broadcasts.join(operation, watch, stream))
          },
        }
        return {
          schema: enveloped.schema,
          document,
          operationName: payload.operationName || undefined,
          variableValues: payload.variables,
          contextValue: await enveloped.contextFactory(),
          rootValue: steps,
        }
      },
      onNext: (_socket, _id, _payload, _args, result) => toPayload(result as ExecutionResult),
      onError: (_socket, _id, _payload, errors) => errors.map(toShownError),
      execute: (args: ExecutionArgs) => (args.rootValue as Steps).execute(args),
      subscribe: (args: ExecutionArgs) => (args.rootValue as Steps).subscribe(args),
    },
    sockets,
    0,
  )
  const stopPinging = pingAll(sockets)
  const mayCome = ({ headers: { origin, host } }: IncomingMessage) => !origin || allowedOrigins.includes(origin) || isOwnOrigin(origin, host, service.publicUrl)
  return {
    upgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
      if (!mayCome(request)) return refuseConnection(socket, foreignOrigin)
      sockets.handleUpgrade(request, socket, head, (opened) => {
        opened.on('error', terminate)
        sockets.emit('connection', opened, request)
      })
    },
    async close() {
      stopPinging()
      await closing.dispose()
    },
  }
}

// Not inside the upgrade, or it would hold the request as long as the socket.
function terminate(this: WebSocket) {
  this.terminate()
}

/** One clock for all sockets; those that are gone without a word are ended within two rounds. */
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

function refuse(socket: Socket<{ authorization?: string }, Extra & SocketExtra>, reason: string, code: number = CloseCode.Forbidden): true {
  socket.extra.socket.close(code, reason)
  return true
}
