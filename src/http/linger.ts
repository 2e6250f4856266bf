import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

// A client that is still sending when its connection is reset reports "broken pipe" and never sees the answer.
// Whatever the answer came before is therefore read and discarded (RFC 9112, section 9.6). Clients without a key
// can make the server do this as well, so the bytes, the time and the number of connections are bounded.
const maxBytes = 64 * 2 ** 20
const maxMs = 5_000
const maxConnections = 256

const checkMs = 25

const discarding = new Set<Duplex>()
/** Connections that have sent their last answer: later requests on them are not served. */
const closing = new WeakSet<Duplex>()

/**
 * Lets every answer of this server reach its client. The returned function takes each request as it begins; it
 * is false for a request on a connection that has announced its end, which must not be served.
 */
export function deliverAnswers(server: Server): (request: IncomingMessage, response: ServerResponse) => boolean {
  const latest = new WeakMap<Duplex, IncomingMessage>()
  server.on('connection', (socket: Socket) => {
    const destroySoon = socket.destroySoon.bind(socket)
    // Node calls this after the last answer of a connection, whether or not the request has come in.
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

/** Ends our side, discards what the client still sends, and closes when it has ended its side. */
export function closeInStages(socket: Duplex): void {
  if (closing.has(socket)) return
  closing.add(socket)
  limitDiscarding(socket)
  socket.end()
  socket.once('end', () => socket.destroy())
  // Without its listeners the parser serves no further request, and no reader takes a refused body for complete.
  const detach = () => {
    socket.removeAllListeners('data').removeAllListeners('readable')
    // This takes the bytes from Node's parser.
    socket.on('data', () => {})
    socket.resume()
  }
  setImmediate(() => {
    if (!socket.isPaused()) return detach()
    // A body that nobody reads has paused the connection; only the listener of Node's parser makes it go on.
    socket.once('resume', detach)
    socket.resume()
  })
}

/** Discards what is left of a request that has been answered, so that its connection can serve the next one. */
function discardBody(request: IncomingMessage): void {
  const stop = limitDiscarding(request.socket)
  request.unpipe()
  request.removeAllListeners('data').removeAllListeners('readable')
  // Without a listener, a request that flows already would stop when its readers are removed.
  request.on('data', () => {})
  request.once('close', stop)
  request.resume()
}

/** Destroys the connection when the client sends for too long or too much. Returns the way to stop. */
function limitDiscarding(socket: Duplex): () => void {
  const [oldest] = discarding
  if (oldest && discarding.size >= maxConnections) {
    discarding.delete(oldest)
    oldest.destroy()
  }
  // Only the connection counts all bytes: of a request that nobody reads Node emits none.
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
