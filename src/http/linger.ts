import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

// A client that still sends when its connection is reset reports "broken pipe" and does not see the response. The rest
// of a request that has its response is therefore read and discarded (RFC 9112, section 9.6). Clients without a key can
// cause this too, so the bytes, the time and the number of connections are limited.
const maxBytes = 64 * 2 ** 20
const maxMs = 5_000
const maxConnections = 256

const checkMs = 25

const discarding = new Set<Duplex>()
/** Connections that have sent their last response. Later requests on them are not served. */
const closing = new WeakSet<Duplex>()

/**
 * Makes every response of this server reach its client. The returned function has to run at the begin of each request.
 * It returns false for a request that must not be served, because the server has announced the end of its connection.
 */
export function deliverAnswers(server: Server): (request: IncomingMessage, response: ServerResponse) => boolean {
  const latest = new WeakMap<Duplex, IncomingMessage>()
  server.on('connection', (socket: Socket) => {
    const destroySoon = socket.destroySoon.bind(socket)
    // Node calls this after the last response of a connection, even if the request is incomplete.
    socket.destroySoon = () => (latest.get(socket)?.complete === false ? closeInStages(socket) : destroySoon())
  })
  return (request, response) => {
    if (closing.has(request.socket)) return false
    latest.set(request.socket, request)
    response.once('finish', () => {
      if (!request.complete && !closing.has(request.socket)) discardBody(request)
    })
    return true
  }
}

/** Ends the server's side, discards the client's bytes, and closes when the client has ended its side. */
export function closeInStages(socket: Duplex): void {
  if (closing.has(socket)) return
  closing.add(socket)
  limitDiscarding(socket)
  socket.end()
  socket.once('end', () => socket.destroy())
  // Without its listeners the parser serves no further request, and no reader takes an incomplete body for complete.
  const detach = () => {
    socket.removeAllListeners('data').removeAllListeners('readable')
    // This listener takes the bytes away from Node's parser.
    socket.on('data', () => {})
    socket.resume()
  }
  setImmediate(() => {
    if (!socket.isPaused()) return detach()
    // An unread body has paused the connection, and only the listener of Node's parser resumes it.
    socket.once('resume', detach)
    socket.resume()
  })
}

/** Discards the rest of a request after its response, so that the connection can serve the next request. */
function discardBody(request: IncomingMessage): void {
  const stop = limitDiscarding(request.socket)
  request.unpipe()
  request.removeAllListeners('data').removeAllListeners('readable')
  // A flowing request stops when its last listener is removed.
  request.on('data', () => {})
  request.once('close', stop)
  request.resume()
}

/** Destroys the connection when the client sends for too long or too much. Returns a function that lifts the limit. */
function limitDiscarding(socket: Duplex): () => void {
  const [oldest] = discarding
  if (oldest && discarding.size >= maxConnections) {
    discarding.delete(oldest)
    oldest.destroy()
  }
  // Node emits no bytes of an unread request, so the bytes of the connection are counted.
  const read = () => (socket as Socket).bytesRead ?? 0
  const [lastByte, late] = [read() + maxBytes, performance.now() + maxMs]
  const checking = setInterval(() => {
    if (read() > lastByte || performance.now() > late) socket.destroy()
  }, checkMs).unref()
  const stop = () => {
    clearInterval(checking)
    socket.off('close', stop)
    discarding.delete(socket)
  }
  discarding.add(socket)
  socket.once('close', stop)
  return stop
}
