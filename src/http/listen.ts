import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { defaultHeaders, findStrictTransport } from './headers.ts'
import { deliverAnswers } from './linger.ts'
import { explainBadRequest, type HttpProblem, refuseConnection, sendProblem } from './problem.ts'
import { type AnsweredRequest, createRecord, observeAnswer, observeUpgrade, type RequestRecord, runWithRecord } from './request-record.ts'
import { findMaxStrangers, limitStrangers, type Strangers } from './strangers.ts'
import { findHostProblem, normalizeTarget } from './target.ts'
import { limitUnread, type Unread, unreadLimits } from './unread.ts'

/** The server cannot listen on its address. The message names the setting to change. */
export class ListenError extends Error {}

/** A handler for some paths. The first route that matches a path handles it. */
export interface Route {
  /** Names the route in metrics and in the log; a function chooses from a few names. */
  name: string | ((path: string) => string)
  matches(path: string): boolean
  handle(request: IncomingMessage, response: ServerResponse): void | Promise<void>
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** True if a shutdown waits for the responses of this route. */
  drains?: boolean
  /** True if the route answers `Expect: 100-continue` after its own checks. */
  continuesItself?: boolean
  /** The time in which a request has to arrive; ten seconds by default. */
  maxRequestMs?: number
}

export interface HttpServer {
  /** The port, also if the configured port was 0. */
  port: number
  /** Sets the routes. Before this call, every request gets the status 503, or every connection is refused. */
  serve(routes: Route[]): Promise<void>
  readonly unread: Unread
  readonly strangers: Strangers
  /** Accepts no further connections, and waits up to three seconds for the responses of routes that drain. */
  drain(): Promise<void>
  /** Closes all remaining connections. */
  close(): Promise<void>
}

/** Hears of the requests of a server. */
export interface RequestObserver {
  answered(request: AnsweredRequest): void
  /** The handler of a route threw. */
  failed(error: unknown, id: string): void
}

const drainMs = 3000
/** The time for the header lines of a request. On a kept connection it begins with the next request. */
const headersTimeout = 5_000
/** Load balancers keep a connection for a minute. They have to close it before the server does, or requests get lost. */
const keepAliveTimeout = 75_000
/** For requests with a small body or none. Routes with larger bodies set their own time. */
const maxRequestMs = 10_000

interface ListenOptions {
  /**
   * Connections are refused until the server serves, so that a balancer tries another process. It cannot repeat a
   * request whose body it has begun to send.
   */
  refusesWhileStarting?: boolean
}

export async function listen(
  { host, port: wantedPort, publicUrl }: Config['http'],
  observer?: RequestObserver,
  { refusesWhileStarting = false }: ListenOptions = {},
): Promise<HttpServer> {
  const server = createServer({
    headersTimeout,
    keepAliveTimeout,
    requestTimeout: 0,
    connectionsCheckingInterval: 1_000,
    requireHostHeader: false,
    // Any other upgrade, such as h2c, and a WebSocket without a route get a response in HTTP/1.1.
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
    return routes.find((route) => route.matches(path)) ?? unknownPathRoute
  }
  /** The record of a request that gets an answer. */
  const begin = (request: IncomingMessage, response: ServerResponse, route: Route): RequestRecord | undefined => {
    if (!deliver(request, response)) return undefined
    const record = createRecord(request)
    current.set(request.socket, response)
    unread.begin(request, response)
    for (const [name, value] of headers) response.setHeader(name, value)
    response.setHeader('x-request-id', record.id)
    if (observer) observeAnswer(observer, record, request, response, nameOf(route, request))
    return record
  }
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const route = find(request)
    const record = begin(request, response, route)
    if (!record) return
    const problem = findHostProblem(request)
    if (problem) return sendProblem(response, problem)
    // HTTP/1.0 has no interim responses.
    if (request.httpVersion === '1.0') delete request.headers.expect
    if (request.headers.expect && !route.continuesItself) response.writeContinue()
    limitRequest(request, response, route.maxRequestMs ?? maxRequestMs)
    if (route.drains) {
      draining.add(response)
      response.once('close', () => draining.delete(response))
    }
    Promise.resolve(runWithRecord(record, () => route.handle(request, response))).catch((error) => {
      observer?.failed(error, record.id)
      sendProblem(response, broken)
    })
  }
  server.on('request', answer)
  server.on('checkContinue', answer)
  server.on('checkExpectation', (request, response) => {
    if (begin(request, response, find(request))) sendProblem(response, unknownExpectation)
  })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    const [route, record] = [find(request), createRecord(request)]
    if (observer) observeUpgrade(observer, record, request, socket, nameOf(route, request))
    runWithRecord(record, () => route.upgrade?.(request, socket, head))
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

  const open = (port: number) =>
    new Promise<void>((listening, failed) => {
      const fail = (error: NodeJS.ErrnoException) => failed(new ListenError(explain(error, host, port)))
      server.once('error', fail)
      server.listen(port, host, () => {
        server.off('error', fail)
        listening()
      })
    })
  await open(wantedPort)
  const { port } = server.address() as AddressInfo
  // The port is free, which was the question.
  if (refusesWhileStarting) await new Promise((done) => server.close(done))
  server.on('error', () => {})
  let closed: Promise<unknown> | undefined
  const stop = () => {
    closed ??= new Promise((done) => server.close(done))
    server.closeIdleConnections()
    return closed
  }

  return {
    port,
    unread,
    strangers,
    async serve(ready) {
      routes = ready
      if (!server.listening) await open(port)
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

const nameOf = ({ name }: Route, { url = '/' }: IncomingMessage) => (typeof name === 'string' ? name : name(url.split('?')[0] ?? '/'))

const asksForWebSocket = ({ method, headers }: IncomingMessage) => method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'

/** Refuses a request that is not complete in time. */
function limitRequest(request: IncomingMessage, response: ServerResponse, ms: number) {
  const late = setTimeout(() => {
    if (!request.complete) sendProblem(response, tooSlow)
  }, ms).unref()
  response.once('close', () => clearTimeout(late))
}

const tooSlow: HttpProblem = { status: 408, code: 'REQUEST_TOO_SLOW', message: 'The request did not arrive in time. Send it again, faster.' }
const broken: HttpProblem = { status: 500, code: 'INTERNAL_ERROR', message: 'The server failed to handle the request. Try again.' }
const noProxy: HttpProblem = { status: 405, code: 'METHOD_NOT_ALLOWED', message: 'This server is not a proxy. Send requests to it without CONNECT.' }
const unknownExpectation: HttpProblem = {
  status: 417,
  code: 'EXPECTATION_FAILED',
  message: 'This server supports only the expectation 100-continue. Leave out the header Expect.',
  headers: { connection: 'close' },
}

/** A route that refuses every request without reading it. */
const refuseAll = (name: string, problem: HttpProblem): Route => ({
  name,
  matches: () => true,
  continuesItself: true,
  handle: (_, response) => sendProblem(response, problem),
})

const starting = refuseAll('starting', {
  status: 503,
  code: 'SERVER_STARTING',
  message: 'The server is starting. Try again in a second.',
  headers: { 'retry-after': '1' },
})
/** Refuses the paths that no other route matches. */
export const unknownPathRoute = refuseAll('unknown', { status: 404, code: 'UNKNOWN_PATH', message: 'This path does not exist. The API is at /graphql.' })

function explain(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === 'EADDRINUSE') return `Another program uses port ${port}. Stop that program, or set PORT to another number.`
  if (error.code === 'EACCES') return `This account cannot use port ${port}. Set PORT to 1024 or a higher number.`
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') return `This machine does not have the address ${host}. Correct HOST.`
  return `Cannot listen on ${host}:${port} (${error.code}). Check HOST and PORT.`
}
