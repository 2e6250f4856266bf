// Stands before a service as its INTERNAL_URL does, and answers some calls of the endpoints in its place, as proxies and
// servers that restart do.
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { findFreePort } from '../support/program.ts'

export type HttpFault = (response: ServerResponse) => void
/** Refuses the upgrade, or does as it likes with the open socket at its first audio. */
export type SocketFault = { refuse: string } | { cut: true } | { answer: (socket: WebSocket, requestId: string) => void }

export async function openFaultyEndpoint() {
  const port = await findFreePort()
  const faults = { http: [] as HttpFault[], socket: [] as SocketFault[] }
  const calls = { http: 0, socket: 0 }
  const sockets = new Set<Socket>()
  let target = 0

  const forward = (incoming: IncomingMessage, response: ServerResponse) => {
    const { method, url, headers } = incoming
    const outgoing = request({ port: target, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    outgoing.on('error', () => response.destroy())
    incoming.pipe(outgoing)
  }

  const open = async () => {
    const server = createServer((incoming, response) => {
      calls.http++
      const fault = faults.http.shift()
      if (!fault) return forward(incoming, response)
      incoming.resume()
      incoming.once('end', () => fault(response))
    })
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    server.on('upgrade', (incoming, socket, head) => {
      calls.socket++
      const fault = faults.socket.shift()
      if (fault) misbehave(fault, incoming, socket, head)
      else tunnel(target, incoming, socket, head)
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  }

  let server = await open()
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
  return {
    url: `http://127.0.0.1:${port}`,
    faults,
    calls,
    pointTo(localUrl: string) {
      target = Number(new URL(localUrl).port)
    },
    /** Connections are refused until `reopen`. */
    close,
    async reopen() {
      server = await open()
    },
  }
}

const server = new WebSocketServer({ noServer: true })

function misbehave(fault: SocketFault, incoming: IncomingMessage, socket: Duplex, head: Buffer) {
  socket.on('error', () => {})
  if ('refuse' in fault) return void socket.end(`HTTP/1.1 ${fault.refuse}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  if ('cut' in fault) return void socket.destroy()
  server.handleUpgrade(incoming, socket, head, (ws) => {
    let isAnswered = false
    ws.on('error', () => {})
    ws.on('message', (data: Buffer, isBinary) => {
      if (!isBinary || isAnswered) return
      isAnswered = true
      fault.answer(ws, /X-RequestId: *(\w+)/i.exec(data.toString('latin1'))?.[1] ?? '')
    })
  })
}

function tunnel(port: number, { method, url, rawHeaders }: IncomingMessage, socket: Duplex, head: Buffer) {
  const upstream = connect(port, '127.0.0.1')
  const headers = Array.from({ length: rawHeaders.length / 2 }, (_, n) => `${rawHeaders[2 * n]}: ${rawHeaders[2 * n + 1]}\r\n`)
  upstream.write(`${method} ${url} HTTP/1.1\r\n${headers.join('')}\r\n`)
  upstream.write(head)
  for (const [one, other] of [
    [socket, upstream],
    [upstream, socket],
  ] as const) {
    one.on('error', () => {})
    one.on('close', () => other.destroy())
    one.pipe(other)
  }
}
