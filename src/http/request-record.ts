// What is known about the present request: its id, and the key once it is checked. Everything that a request causes
// finds its record, so that refusals and the log name the same id.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

export interface RequestRecord {
  id: string
  keyId?: string
}

/** A request that has its answer. */
export interface AnsweredRequest extends RequestRecord {
  /** The name of a route: their number is small, in contrast to that of paths. */
  route: string
  method: string
  /** 101 for an opened WebSocket, 499 when the client left before the answer. */
  status: number
  /** Until the end of the answer; for WebSockets until their opening. */
  ms: number
  kind: 'answer' | 'events' | 'websocket'
}

const present = new AsyncLocalStorage<RequestRecord>()
/** Ids of tracing systems and of proxies, such as UUIDs, ULIDs and `Root=1-67891233-abcdef012345678912345678`. */
const acceptable = /^[\w.:=+/-]{1,128}$/
/** The status of nginx for a client that left before the answer. */
const clientLeft = 499
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** A record with the id that the client or a proxy gave, or a new one. */
export function createRecord({ headers }: IncomingMessage): RequestRecord {
  const given = headers['x-request-id']
  return { id: typeof given === 'string' && acceptable.test(given) ? given : crypto.randomUUID() }
}

export const runWithRecord = <T>(record: RequestRecord, run: () => T): T => present.run(record, run)

/** The id of the present request; a new one outside of requests, such as for messages of a WebSocket. */
export const presentRequestId = (): string => present.getStore()?.id ?? crypto.randomUUID()

/** Notes the key of the present request. */
export function noteKey(keyId: string): void {
  const record = present.getStore()
  if (record) record.keyId = keyId
}

/** Tells the observer of a response when it has ended, or when the client has left. */
export function observeAnswer(
  observer: { answered(request: AnsweredRequest): void },
  record: RequestRecord,
  request: IncomingMessage,
  response: ServerResponse,
  route: string,
): void {
  const [began, method] = [performance.now(), methodName(request.method)]
  response.once('close', () => {
    const status = response.headersSent ? response.statusCode : clientLeft
    const kind = String(response.getHeader('content-type')).startsWith('text/event-stream') ? 'events' : 'answer'
    observer.answered({ ...record, route, method, status, ms: performance.now() - began, kind })
  })
}

/** Tells the observer how a request for a WebSocket was answered. */
export function observeUpgrade(
  observer: { answered(request: AnsweredRequest): void },
  record: RequestRecord,
  request: IncomingMessage,
  socket: Duplex,
  route: string,
): void {
  const [began, method] = [performance.now(), methodName(request.method)]
  onStatusLine(socket, (status) => observer.answered({ ...record, route, method, status, ms: performance.now() - began, kind: 'websocket' }))
}

/** Clients can send any method, so the others share a name. */
const methodName = (method = ''): string => (methods.has(method) ? method : 'OTHER')

/** Calls `begun` with the status of the response that is written to the socket first. */
function onStatusLine(socket: Duplex, begun: (status: number) => void): void {
  const { write, end } = socket
  const restore = () => Object.assign(socket, { write, end })
  const read = (chunk: unknown) => {
    restore()
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(String(chunk))?.[1])
    if (status) begun(status)
  }
  Object.assign(socket, {
    write(...args: Parameters<Duplex['write']>) {
      read(args[0])
      return write.apply(socket, args)
    },
    end(...args: [unknown?]) {
      read(args[0])
      return end.apply(socket, args as never)
    },
  })
}
