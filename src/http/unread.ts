import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

// A client that does not read keeps its answers in this process: in the buffer of its socket, and in responses that
// wait for their turn on the same connection. The kernel's buffers come on top; they have bounds of their own.
// One clock looks at all connections, WebSockets and event streams included.

export interface UnreadLimits {
  /** A client whose answers wait has to take `minBytes` in each such time, or all of them. */
  maxMs: number
  minBytes: number
  /** What one connection may leave unread. */
  maxBytes: number
  /** What all connections together may. */
  maxSum: number
}

export const unreadLimits: UnreadLimits = { maxMs: 30_000, minBytes: 16 * 1024, maxBytes: 32 * 2 ** 20, maxSum: 128 * 2 ** 20 }

type Reason = 'time' | 'bytes' | 'sum'

export interface Unread {
  /** Counts what the response holds from now on. */
  begin(request: IncomingMessage, response: ServerResponse): void
  /** Bytes that wait to be read, at the last look. */
  readonly bytes: number
  readonly connections: number
  /** Connections that were cut, by reason. */
  readonly cut: Readonly<Record<Reason, number>>
}

interface UnreadConnection {
  socket: Socket
  responses: Set<ServerResponse>
  held: number
  /** Bytes that the kernel had taken when the client made progress last, and when that was. */
  taken: number
  at: number
}

const checkMs = 1_000

/** Cuts the connections of clients that do not read, or that leave too much unread. */
export function limitUnread(server: Server, limits: UnreadLimits): Unread {
  const readers = new Map<Socket, UnreadConnection>()
  const cut: Record<Reason, number> = { time: 0, bytes: 0, sum: 0 }
  let sum = 0

  const end = (reader: UnreadConnection, reason: Reason) => {
    cut[reason]++
    sum -= reader.held
    reader.held = 0
    reader.socket.destroy()
  }

  const look = () => {
    const now = performance.now()
    sum = 0
    for (const reader of readers.values()) {
      reader.held = heldBy(reader)
      const taken = takenBy(reader.socket)
      if (reader.held === 0 || taken - reader.taken >= limits.minBytes) {
        reader.taken = taken
        reader.at = now
      }
      sum += reader.held
      if (reader.held > limits.maxBytes) end(reader, 'bytes')
      else if (now - reader.at > limits.maxMs) end(reader, 'time')
    }
    if (sum > limits.maxSum) endSlowest()
  }

  /** Those that have taken nothing for longest go first; the largest of those that began together. */
  const endSlowest = () => {
    const slowest = [...readers.values()].filter(({ held }) => held > 0).sort((one, other) => one.at - other.at || other.held - one.held)
    for (const reader of slowest) {
      if (sum <= limits.maxSum) return
      end(reader, 'sum')
    }
  }

  server.on('connection', (socket: Socket) => {
    readers.set(socket, { socket, responses: new Set(), held: 0, taken: 0, at: performance.now() })
    socket.once('close', () => readers.delete(socket))
  })
  const looking = setInterval(look, checkMs).unref()
  server.once('close', () => clearInterval(looking))

  return {
    begin({ socket }, response) {
      // Between two looks answers can come in any number.
      if (sum > limits.maxSum / 2) look()
      const responses = readers.get(socket)?.responses
      responses?.add(response)
      response.once('close', () => responses?.delete(response))
    },
    get bytes() {
      return sum
    },
    get connections() {
      return readers.size
    },
    cut,
  }
}

/** The socket's buffer, and the responses that are not on the socket yet because another one comes first. */
function heldBy({ socket, responses }: UnreadConnection): number {
  let held = socket.writableLength
  for (const response of responses) if (response.socket !== socket) held += response.writableLength
  return held
}

/**
 * Bytes that the kernel has taken. The public figures count a chunk when it is handed over or when all of it is
 * gone; only the handle knows how far a large one is, as Node's own timeouts for sockets see it.
 */
function takenBy(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { bytesWritten: number; writeQueueSize: number } | null }
  return handle ? handle.bytesWritten - handle.writeQueueSize : 0
}
