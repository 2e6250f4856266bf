import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Config } from './config.ts'

/** The address cannot be listened on; the message says what to change. */
export class ListenError extends Error {}

/** What answers which paths; the first that matches is asked. */
export interface Route {
  matches(path: string): boolean
  handle(request: IncomingMessage, response: ServerResponse): void | Promise<void>
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

export interface HttpServer {
  /** The port that was given, or found when 0 was. */
  port: number
  route(routes: Route[]): void
  /** Stops listening, lets requests at work finish for a moment, then ends every connection. */
  close(): Promise<void>
}

const graceMs = 3000

export async function listen({ host, port }: Config['http']): Promise<HttpServer> {
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 120_000, connectionsCheckingInterval: 1_000 })
  const sockets = new Set<Duplex>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((listening, failed) => {
    server.once('error', (error: NodeJS.ErrnoException) => failed(new ListenError(explain(error, host, port))))
    server.listen(port, host, listening)
  })
  server.on('error', () => {})
  return {
    port: (server.address() as { port: number }).port,
    route: (routes) => serve(server, routes),
    async close() {
      const closed = new Promise((done) => server.close(done))
      server.closeIdleConnections()
      const late = setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, graceMs)
      await closed
      clearTimeout(late)
    },
  }
}

function serve(server: Server, routes: Route[]) {
  const find = (request: IncomingMessage) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    return routes.find((route) => route.matches(path))
  }
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('referrer-policy', 'no-referrer')
    response.setHeader('x-frame-options', 'DENY')
    const route = find(request)
    if (route) void route.handle(request, response)
    else response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"There is nothing at this path. The API is at /graphql."}')
  }
  server.on('request', answer)
  // A client that asks before it sends its body is told to go on by whoever wants that body.
  server.on('checkContinue', answer)
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    const upgrade = find(request)?.upgrade
    if (upgrade) upgrade(request, socket, head)
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === 'EADDRINUSE') return `Port ${port} is taken by another program. Stop that one, or set PORT to another number.`
  if (error.code === 'EACCES') return `Port ${port} may not be used by this account. Set PORT to a number from 1024 up.`
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') return `This machine does not have the address ${host}. Correct HOST.`
  return `Cannot listen on ${host}:${port} (${error.code}).`
}
