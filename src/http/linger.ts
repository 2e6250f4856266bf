import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

// A client that is still sending when its connection is reset reports "broken pipe" and never sees the answer.
// Whatever the answer came before is therefore read and discarded (RFC 9112, section 9.6). Clients without a key
// can make the server do this as well, so the bytes, the time and the number of connections are bounded.
const maxBytes = 64 * 2 ** 20
const maxMs = 5_000
const maxConnections = 256

interface Discarding {
  socket: Duplex
  count(chunk: Buffer): void
  stop(): void
}

const discarding = new Set<Discarding>()
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
  const { count } = startDiscarding(socket)
  socket.end()
  socket.once('end', () => socket.destroy())
  // Without its listeners the parser serves no further request, and no reader takes a refused body for complete.
  const detach = () => {
    socket.removeAllListeners('data').removeAllListeners('readable')
    socket.on('data', count)
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
  const { count, stop } = startDiscarding(request.socket)
  request.unpipe()
  request.removeAllListeners('data').removeAllListeners('readable')
  request.on('data', count)
  request.once('close', stop)
  request.resume()
}

function startDiscarding(socket: Duplex): Discarding {
  const [oldest] = discarding
  if (oldest && discarding.size >= maxConnections) oldest.socket.destroy()
  let left = maxBytes
  const late = setTimeout(() => socket.destroy(), maxMs).unref()
  const one: Discarding = {
    socket,
    count(chunk) {
      left -= chunk.length
      if (left < 0) socket.destroy()
    },
    stop() {
      clearTimeout(late)
      socket.off('close', one.stop)
      discarding.delete(one)
    },
  }
  discarding.add(one)
  socket.once('close', one.stop)
  return one
}
