import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { defaultHeaders, findStrictTransport } from './headers.ts'
import { deliverAnswers } from './linger.ts'
import { explainBadRequest, type HttpProblem, refuseConnection, sendProblem } from './problem.ts'
import { findMaxStrangers, limitStrangers, type Strangers } from './strangers.ts'
import { findHostProblem, normalizeTarget } from './target.ts'
import { limitUnread, type Unread, unreadLimits } from './unread.ts'

/** The address cannot be listened on; the message says what to change. */
export class ListenError extends Error {}

/** What answers which paths; the first that matches is asked. */
export interface Route {
  matches(path: string): boolean
  handle(request: IncomingMessage, response: ServerResponse): void | Promise<void>
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** True when its answers are worth waiting for before the server ends. */
  drains?: boolean
  /** True when it tells a client itself to go on with its body (Expect: 100-continue). */
  continuesItself?: boolean
  /** What a request may take to come in; ten seconds if nothing is said. */
  maxRequestMs?: number
}

export interface HttpServer {
  /** The port that was given, or found when 0 was. */
  port: number
  /** From now on these answer; before, everything is told to come back in a second. */
  serve(routes: Route[]): void
  readonly unread: Unread
  readonly strangers: Strangers
  /** Takes no new connections, and waits a moment for answers that drain. */
  drain(): Promise<void>
  /** Ends every connection that is left. */
  close(): Promise<void>
}

const drainMs = 3000
/** The lines before a body have to come in this time. The clock of a kept connection begins with its next request. */
const headersTimeout = 5_000
/** Longer than load balancers keep a connection, which is a minute: whoever closes first must not be us, or requests get lost. */
const keepAliveTimeout = 75_000
/** Enough for a request without a body; a route whose requests have larger ones says so. */
const maxRequestMs = 10_000

export async function listen({ host, port, publicUrl }: Config['http']): Promise<HttpServer> {
  const server = createServer({
    headersTimeout,
    keepAliveTimeout,
    requestTimeout: 0,
    connectionsCheckingInterval: 1_000,
    requireHostHeader: false,
    // Any other upgrade, such as h2c, is declined by answering in HTTP/1.1; so is a WebSocket that no route takes.
    shouldUpgradeCallback: (request) => asksForWebSocket(request) && find(request).upgrade !== undefined && !findHostProblem(request),
  })
  const sockets = new Set<Duplex>()
  const draining = new Set<ServerResponse>()
  const current = new WeakMap<Duplex, ServerResponse>()
  const deliver = deliverAnswers(server)
  const unread = limitUnread(server, unreadLimits)
  const strangers = limitStrangers(server, await findMaxStrangers())
  const headers = Object.entries({ ...defaultHeaders, ...findStrictTransport(publicUrl) })
  let routes: Route[] = [starting]

  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const find = (request: IncomingMessage) => {
    normalizeTarget(request)
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    return routes.find((route) => route.matches(path)) ?? nothing
  }
  const begin = (request: IncomingMessage, response: ServerResponse): boolean => {
    if (!deliver(request, response)) return false
    current.set(request.socket, response)
    unread.begin(request, response)
    for (const [name, value] of headers) response.setHeader(name, value)
    return true
  }
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (!begin(request, response)) return
    const problem = findHostProblem(request)
    if (problem) return sendProblem(response, problem)
    const route = find(request)
    // A client of HTTP/1.0 does not know the interim answer.
    if (request.httpVersion === '1.0') delete request.headers.expect
    if (request.headers.expect && !route.continuesItself) response.writeContinue()
    limitRequest(request, response, route.maxRequestMs ?? maxRequestMs)
    if (route.drains) {
      draining.add(response)
      response.once('close', () => draining.delete(response))
    }
    Promise.resolve(route.handle(request, response)).catch(() => sendProblem(response, broken))
  }
  server.on('request', answer)
  server.on('checkContinue', answer)
  server.on('checkExpectation', (request, response) => {
    if (begin(request, response)) sendProblem(response, unknownExpectation)
  })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    find(request).upgrade?.(request, socket, head)
  })
  server.on('connect', (_, socket) => {
    socket.on('error', () => socket.destroy())
    refuseConnection(socket, noProxy)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const isAnswering = current.get(socket)?.headersSent && !current.get(socket)?.writableFinished
    if (error.code === 'ECONNRESET' || isAnswering) socket.destroy()
    else refuseConnection(socket, explainBadRequest(error.code))
  })

  await new Promise<void>((listening, failed) => {
    server.once('error', (error: NodeJS.ErrnoException) => failed(new ListenError(explain(error, host, port))))
    server.listen(port, host, listening)
  })
  server.on('error', () => {})
  let closed: Promise<unknown> | undefined
  const stop = () => {
    closed ??= new Promise((done) => server.close(done))
    server.closeIdleConnections()
    return closed
  }

  return {
    port: (server.address() as { port: number }).port,
    unread,
    strangers,
    serve(ready) {
      routes = ready
    },
    async drain() {
      void stop()
      const late = performance.now() + drainMs
      while (draining.size && performance.now() < late) await delay(20)
    },
    async close() {
      const ended = stop()
      for (const socket of sockets) socket.destroy()
      await ended
    },
  }
}

const asksForWebSocket = ({ method, headers }: IncomingMessage) => method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'

/** Ends a request that does not come in, however slowly it drips. */
function limitRequest(request: IncomingMessage, response: ServerResponse, ms: number) {
  const late = setTimeout(() => {
    if (!request.complete) sendProblem(response, tooSlow)
  }, ms).unref()
  response.once('close', () => clearTimeout(late))
}

const tooSlow: HttpProblem = { status: 408, code: 'REQUEST_TOO_SLOW', message: 'The request did not arrive in time. Send it again, faster.' }
const broken: HttpProblem = { status: 500, code: 'INTERNAL_ERROR', message: 'Something went wrong on the server. Try again.' }
const noProxy: HttpProblem = { status: 405, code: 'METHOD_NOT_ALLOWED', message: 'This server is not a proxy. Send requests to it without CONNECT.' }
const unknownExpectation: HttpProblem = {
  status: 417,
  code: 'EXPECTATION_FAILED',
  message: 'The only expectation that this server meets is 100-continue. Leave out the header Expect.',
  headers: { connection: 'close' },
}

/** A route that answers without reading the request. */
const refuseAll = (problem: HttpProblem): Route => ({
  matches: () => true,
  continuesItself: true,
  handle: (_, response) => sendProblem(response, problem),
})

const starting = refuseAll({
  status: 503,
  code: 'SERVER_STARTING',
  message: 'The server is starting. Try again in a second.',
  headers: { 'retry-after': '1' },
})
/** Answers a path that no other route does. */
export const nothing = refuseAll({ status: 404, code: 'UNKNOWN_PATH', message: 'There is nothing at this path. The API is at /graphql.' })

function explain(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === 'EADDRINUSE') return `Port ${port} is taken by another program. Stop that one, or set PORT to another number.`
  if (error.code === 'EACCES') return `Port ${port} may not be used by this account. Set PORT to a number from 1024 up.`
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') return `This machine does not have the address ${host}. Correct HOST.`
  return `Cannot listen on ${host}:${port} (${error.code}).`
}
