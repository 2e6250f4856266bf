import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import type { Config } from '../config.ts'
import { ProblemError, refuseConnection } from '../http/problem.ts'
import { presentRequestId } from '../http/request-record.ts'
import { withReservedCapacity } from '../recognition/recognizers-port.ts'
import { type AuthorizedCaller, authorize, findClientId, findSecret, isProvisioning, isProvisioningToken } from './authorization.ts'
import { countProblem } from './counters.ts'
import type { DataPlane } from './data-plane.ts'
import { findParameter } from './options.ts'
import { isOpenAiPath, readPath } from './paths.ts'
import { Session, type SessionRequest } from './session.ts'
import { ofOthers } from './session-limits.ts'
import type { Socket } from './socket.ts'
import { explainPath, unknownOpenAiPath } from './unsupported.ts'

/** The data plane's WebSockets. */
export interface SpeechSockets {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  readonly open: number
  /** Lets sessions end within the grace period, then closes all sockets. */
  drain(): Promise<void>
  close(): Promise<void>
}

/** The package's types lack `closeTimeout`, after which a peer that does not answer a close frame is disconnected. */
const options: ServerOptions & { closeTimeout: number } = {
  noServer: true,
  maxPayload: 1 << 20,
  perMessageDeflate: false,
  clientTracking: false,
  closeTimeout: 3_000,
}
const checkMs = 1_000
/** A peer that has not answered a ping for this long is disconnected. */
const pingMs = 30_000
/** Clients keep sockets open between their turns, so the sockets outnumber the session slots. */
const socketsPerSlot = 4
/** Sockets for provisioning, in addition to those of clients. */
const reservedSockets = 32
/** Sockets of refused clients, open until the reason is sent. They do not count toward the other limits. */
const maxRefused = 200
/** Upgrades that wait for their authorization. */
const maxAuthorizing = 1_000

interface SpeechConnection {
  socket: WebSocket
  session: Session
  isAlive: boolean
}

export function openSpeechSockets(speech: DataPlane, { all, ofKey, graceMs }: Config['sessions']): SpeechSockets {
  const server = new WebSocketServer(options)
  server.on('headers', (headers) => headers.push(`X-Request-Id: ${presentRequestId()}`))
  const open = new Set<SpeechConnection>()
  const refused = new Set<SpeechConnection>()
  const ofCallers = new Map<string, number>()
  let authorizing = 0
  let isDraining = false

  const begin = (socket: WebSocket, admitted: AuthorizedCaller | ProblemError, request: Omit<SessionRequest, 'served' | 'model'>) => {
    const entry = 'served' in admitted ? { ...request, served: admitted.served, model: admitted.model } : admitted
    const session = new Session(toSocket(socket), entry, {
      recognizers: chooseRecognizers(admitted),
      decoders: speech.decoders,
      filter: speech.filter,
      figures: speech.figures,
      explain: speech.explain,
      now: () => performance.now(),
      enter: () => ('served' in admitted ? speech.sessionLimits.enter(admitted) : () => {}),
    })
    const one: SpeechConnection = { socket, session, isAlive: true }
    open.add(one)
    const leave = 'served' in admitted ? count(admitted) : hold(one)
    const unwatch = 'served' in admitted ? speech.revocation.watch(admitted, (problem) => session.end(problem)) : () => {}
    socket.on('message', (data, isBinary) => session.receive(data as Buffer, isBinary))
    socket.on('pong', () => {
      one.isAlive = true
    })
    // A 'close' event follows.
    socket.on('error', () => countProblem(speech.figures, 'SOCKET_BROKEN'))
    socket.on('close', () => {
      open.delete(one)
      leave()
      unwatch()
      session.closed()
    })
    if (isDraining) session.leave()
  }

  const chooseRecognizers = (admitted: AuthorizedCaller | ProblemError) => {
    if (!('served' in admitted)) return speech.recognizers
    return isProvisioning(admitted.caller) ? withReservedCapacity(speech.recognizers) : speech.shadows.follow(speech.recognizers, admitted.served)
  }

  const count = (admitted: AuthorizedCaller) => {
    const add = (by: 1 | -1) => {
      for (const name of [nameOf(admitted), workspaceOf(admitted)]) {
        const count = (ofCallers.get(name) ?? 0) + by
        if (count > 0) ofCallers.set(name, count)
        else ofCallers.delete(name)
      }
    }
    add(1)
    return () => add(-1)
  }

  /** Beyond the limit, the oldest refused socket is closed. */
  const hold = (one: SpeechConnection) => {
    const [oldest] = refused
    if (oldest && refused.size >= maxRefused) oldest.socket.terminate()
    refused.add(one)
    return () => refused.delete(one)
  }

  const checkSockets = (admitted: AuthorizedCaller) => {
    const isReserved = isProvisioning(admitted.caller)
    const limits: [owner: string, count: number, max: number][] = [
      ['This key', ofCallers.get(nameOf(admitted)) ?? 0, isReserved ? reservedSockets : ofKey * socketsPerSlot],
      ['This workspace', isReserved ? 0 : (ofCallers.get(workspaceOf(admitted)) ?? 0), (all - ofOthers(all)) * socketsPerSlot],
    ]
    const exceeded = limits.find(([, count, max]) => count >= max)
    if (!exceeded) return admitted
    const [owner, count] = exceeded
    return new ProblemError(429, 'TOO_MANY_SESSIONS', `${owner} has ${count} open sockets, which is the limit. Close some.`)
  }

  const letIn = async (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://endpoint')
    const path = readPath(pathname)
    if (!path && isOpenAiPath(pathname)) return refuseConnection(socket, unknownOpenAiPath(pathname))
    const secret = findSecret(request, query)
    const isReserved = isProvisioningToken(speech, secret)
    const ofProvisioning = () => ofCallers.get(provisioning) ?? 0
    const isFull = () => isDraining || (!isReserved && open.size - refused.size - ofProvisioning() >= all * socketsPerSlot)
    if (isFull() || authorizing >= maxAuthorizing) return refuseConnection(socket, full)
    authorizing++
    // The SDK shows its user the reason of a close frame, but not that of a refused upgrade.
    const admitting = path
      ? authorize(speech, secret, findParameter(query, 'cid') ?? '', findClientId(request, query)).then(checkSockets)
      : Promise.reject(explainPath(pathname))
    const admitted = await speech
      .letIn(request, admitting)
      .catch((problem: ProblemError) => problem)
      .finally(() => authorizing--)
    if (socket.destroyed) return
    if (isFull()) return refuseConnection(socket, full)
    const id = crypto.randomUUID().replaceAll('-', '')
    server.handleUpgrade(request, socket, head, (ws) => begin(ws, admitted, { id, pathMode: path?.mode, query }))
  }

  const checking = setInterval(() => {
    for (const { session } of [...open]) session.check()
  }, checkMs).unref()
  const pinging = setInterval(() => {
    for (const one of [...open]) {
      // While reading is paused, the answer to a ping does not arrive.
      if (one.socket.isPaused) continue
      if (!one.isAlive) {
        countProblem(speech.figures, 'HALF_OPEN')
        one.socket.terminate()
      }
      one.isAlive = false
      if (one.socket.readyState === one.socket.OPEN) one.socket.ping()
    }
  }, pingMs).unref()

  const emptied = async (ms: number) => {
    for (const late = performance.now() + ms; open.size && performance.now() < late; ) {
      await delay(20)
      for (const { session } of [...open]) session.check()
    }
  }

  return {
    upgrade(request, socket, head) {
      letIn(request, socket, head).catch(() => socket.destroy())
    },
    get open() {
      return open.size
    },
    async drain() {
      isDraining = true
      for (const { session } of [...open]) session.leave()
      await emptied(graceMs)
      for (const { session } of [...open]) session.leaveNow()
      await emptied(1_000)
    },
    async close() {
      clearInterval(checking)
      clearInterval(pinging)
      for (const { socket } of open) socket.terminate()
    },
  }
}

const provisioning = 'provisioning'
const nameOf = ({ caller }: AuthorizedCaller) => caller.viewer?.keyId ?? provisioning
const workspaceOf = ({ caller }: AuthorizedCaller) => `${isProvisioning(caller) ? provisioning : 'workspace'}:${caller.workspaceId}`

/** Used only where no session can be opened: the Speech SDK does not show the reason of a refused upgrade. */
const full = new ProblemError(503, 'TOO_MANY_SESSIONS', 'This server has too many open sockets, or is shutting down. Try again in a moment.', {
  headers: { 'retry-after': '1' },
})

const toSocket = (socket: WebSocket): Socket => ({
  send: (text) => socket.readyState === socket.OPEN && socket.send(text),
  close: (code, reason) => socket.close(code, reason),
  terminate: () => socket.terminate(),
  get bufferedAmount() {
    return socket.bufferedAmount
  },
  pause: () => socket.readyState === socket.OPEN && socket.pause(),
  resume: () => socket.isPaused && socket.resume(),
})
