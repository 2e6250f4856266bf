import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from './config.ts'

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
  /** What a request may take to come in; two minutes if nothing is said. */
  longestRequestMs?: number
}

export interface HttpServer {
  /** The port that was given, or found when 0 was. */
  port: number
  /** From now on these answer; before, everything is told to come back in a second. */
  serve(routes: Route[]): void
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
const longestRequestMs = 120_000

export async function listen({ host, port }: Config['http']): Promise<HttpServer> {
  const server = createServer({ headersTimeout, requestTimeout: 0, connectionsCheckingInterval: 1_000, keepAliveTimeout })
  const sockets = new Set<Duplex>()
  const draining = new Set<ServerResponse>()
  let routes: Route[] = [starting]

  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const find = (request: IncomingMessage) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    return routes.find((route) => route.matches(path)) ?? nothing
  }
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('referrer-policy', 'no-referrer')
    response.setHeader('x-frame-options', 'DENY')
    const route = find(request)
    if (request.headers.expect && !route.continuesItself) response.writeContinue()
    limitRequest(request, response, route.longestRequestMs ?? longestRequestMs)
    if (route.drains) {
      draining.add(response)
      response.once('close', () => draining.delete(response))
    }
    Promise.resolve(route.handle(request, response)).catch(() => response.destroy())
  }
  server.on('request', answer)
  server.on('checkContinue', answer)
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    const { upgrade } = find(request)
    if (upgrade) upgrade(request, socket, head)
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
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

/** Ends a request that does not come in, however slowly it drips. */
function limitRequest(request: IncomingMessage, response: ServerResponse, ms: number) {
  const late = setTimeout(() => {
    if (request.complete) return
    if (!response.headersSent) response.writeHead(408, { connection: 'close' }).end()
    setTimeout(() => request.socket.destroy(), 200).unref()
  }, ms).unref()
  response.once('close', () => clearTimeout(late))
}

const starting: Route = {
  matches: () => true,
  handle: (_, response) =>
    void response
      .writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' })
      .end('{"message":"The server is starting. Try again in a second."}'),
}

const nothing: Route = {
  matches: () => true,
  handle: (_, response) =>
    void response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"There is nothing at this path. The API is at /graphql."}'),
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === 'EADDRINUSE') return `Port ${port} is taken by another program. Stop that one, or set PORT to another number.`
  if (error.code === 'EACCES') return `Port ${port} may not be used by this account. Set PORT to a number from 1024 up.`
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') return `This machine does not have the address ${host}. Correct HOST.`
  return `Cannot listen on ${host}:${port} (${error.code}).`
}
