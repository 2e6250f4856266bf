import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

// The responses of a client that does not read stay in the memory of this process: in the buffer of its socket, and in
// later responses on the same connection. (The kernel limits its own buffers.) One timer checks all connections,
// including WebSockets and event streams.

export interface UnreadLimits {
  /** A client with unread responses has to read `minBytes` of them, or all, within this time. */
  maxMs: number
  minBytes: number
  /** Unread bytes of one connection. */
  maxBytes: number
  /** Unread bytes of all connections. */
  maxSum: number
}

export const unreadLimits: UnreadLimits = { maxMs: 30_000, minBytes: 16 * 1024, maxBytes: 32 * 2 ** 20, maxSum: 128 * 2 ** 20 }

type Reason = 'time' | 'bytes' | 'sum'

export interface Unread {
  /** Counts the bytes of a response until it closes. */
  begin(request: IncomingMessage, response: ServerResponse): void
  /** Unread bytes of all connections at the last check. */
  readonly bytes: number
  readonly connections: number
  /** Connections that were cut, by reason. */
  readonly cut: Readonly<Record<Reason, number>>
}

interface UnreadConnection {
  socket: Socket
  responses: Set<ServerResponse>
  held: number
  /** Bytes that the kernel had taken at the client's last progress, and the time of it. */
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

  const check = () => {
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

  /** Ends the connections without progress for the longest time first, and the largest first among equals. */
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
  const checking = setInterval(check, checkMs).unref()
  server.once('close', () => clearInterval(checking))

  return {
    begin({ socket }, response) {
      // Many responses can begin between two checks.
      if (sum > limits.maxSum / 2) check()
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

/** Bytes in the socket's buffer and in responses that wait for an earlier one on the same socket. */
function heldBy({ socket, responses }: UnreadConnection): number {
  let held = socket.writableLength
  for (const response of responses) if (response.socket !== socket) held += response.writableLength
  return held
}

/**
 * Bytes that the kernel has taken. Node's public counters change only with whole chunks; the handle knows the progress
 * within a large chunk, and Node's socket timeouts use it too.
 */
function takenBy(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { bytesWritten: number; writeQueueSize: number } | null }
  return handle ? handle.bytesWritten - handle.writeQueueSize : 0
}
