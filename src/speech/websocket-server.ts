import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import type { Config } from '../config.ts'
import { refuseConnection } from '../http/problem.ts'
import { withReservedCapacity } from '../recognition/recognizers-port.ts'
import { type AuthorizedCaller, authorize, findSecret, isProvisioning, isProvisioningToken } from './authorization.ts'
import { countProblem } from './counters.ts'
import type { DataPlane } from './data-plane.ts'
import { findParameter } from './options.ts'
import { isOpenAiPath, readPath } from './paths.ts'
import { SpeechProblem } from './problem.ts'
import { Session, type SessionRequest, type Socket } from './session.ts'
import { ofOthers } from './session-limits.ts'
import { explainPath, unknownOpenAiPath } from './unsupported.ts'

/** The data plane's WebSockets. */
export interface SpeechSockets {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  readonly open: number
  /** Waits for what clients are in the middle of, then sends everyone away. */
  drain(): Promise<void>
  close(): Promise<void>
}

/** A peer that does not answer our close is cut off after a while; the package's types do not know the setting yet. */
const options: ServerOptions & { closeTimeout: number } = {
  noServer: true,
  maxPayload: 1 << 20,
  perMessageDeflate: false,
  clientTracking: false,
  closeTimeout: 3_000,
}
const checkMs = 1_000
/** A peer that has not answered a ping for this long is taken to be gone. */
const pingMs = 30_000
/** Between their turns clients keep sockets open: more of them than may recognize at once. */
const socketsPerPlace = 4
/** Sockets that provisioning may have open beside those of clients. */
const reservedSockets = 32
/** Sockets of those who are not let in, until they have been told why: they take nobody else's place. */
const maxRefused = 200
/** Upgrades of which we do not know yet who asks. */
const maxAsking = 1_000

interface Open {
  socket: WebSocket
  session: Session
  isAlive: boolean
}

export function openSpeechSockets(speech: DataPlane, { all, ofKey, graceMs }: Config['sessions']): SpeechSockets {
  const server = new WebSocketServer(options)
  const open = new Set<Open>()
  const refused = new Set<Open>()
  const ofCallers = new Map<string, number>()
  let asking = 0
  let isDraining = false

  const begin = (socket: WebSocket, admitted: AuthorizedCaller | SpeechProblem, request: Omit<SessionRequest, 'served' | 'model'>) => {
    const entry = 'served' in admitted ? { ...request, served: admitted.served, model: admitted.model } : admitted
    const session = new Session(toSocket(socket), entry, {
      recognizers: 'served' in admitted && isProvisioning(admitted.caller) ? withReservedCapacity(speech.recognizers) : speech.recognizers,
      decoders: speech.decoders,
      filter: speech.filter,
      figures: speech.figures,
      log: speech.log,
      now: () => performance.now(),
      enter: () => ('served' in admitted ? speech.places.enter(admitted) : () => {}),
    })
    const one: Open = { socket, session, isAlive: true }
    open.add(one)
    const leave = 'served' in admitted ? count(admitted) : hold(one)
    const unwatch = 'served' in admitted ? speech.guard.watch(admitted, (problem) => session.end(problem)) : () => {}
    socket.on('message', (data, isBinary) => session.receive(data as Buffer, isBinary))
    socket.on('pong', () => {
      one.isAlive = true
    })
    // What breaks a socket also closes it.
    socket.on('error', () => countProblem(speech.figures, 'SOCKET_BROKEN'))
    socket.on('close', () => {
      open.delete(one)
      leave()
      unwatch()
      session.closed()
    })
    if (isDraining) session.leave()
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

  /** The refused one who has waited longest goes when there are too many of them. */
  const hold = (one: Open) => {
    const [oldest] = refused
    if (oldest && refused.size >= maxRefused) oldest.socket.terminate()
    refused.add(one)
    return () => refused.delete(one)
  }

  const findRoom = (admitted: AuthorizedCaller) => {
    const isReserved = isProvisioning(admitted.caller)
    const limits: [whose: string, count: number, most: number][] = [
      ['This key', ofCallers.get(nameOf(admitted)) ?? 0, isReserved ? reservedSockets : ofKey * socketsPerPlace],
      ['This workspace', isReserved ? 0 : (ofCallers.get(workspaceOf(admitted)) ?? 0), (all - ofOthers(all)) * socketsPerPlace],
    ]
    const exceeded = limits.find(([, count, most]) => count >= most)
    if (!exceeded) return admitted
    const [whose, count] = exceeded
    return new SpeechProblem(429, 'TOO_MANY_SESSIONS', `${whose} has ${count} sockets open, as many as it may. Close some.`)
  }

  const letIn = async (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://endpoint')
    const path = readPath(pathname)
    if (!path && isOpenAiPath(pathname)) return refuseConnection(socket, unknownOpenAiPath(pathname))
    const secret = findSecret(request, query)
    const isReserved = isProvisioningToken(speech, secret)
    const ofProvisioning = () => ofCallers.get(provisioning) ?? 0
    const isFull = () => isDraining || (!isReserved && open.size - refused.size - ofProvisioning() >= all * socketsPerPlace)
    if (isFull() || asking >= maxAsking) return refuseConnection(socket, full)
    asking++
    // An SDK shows its user the reason of a close, and none of a refused upgrade.
    const admitting = path ? authorize(speech, secret, findParameter(query, 'cid') ?? '').then(findRoom) : Promise.reject(explainPath(pathname))
    const admitted = await speech
      .letIn(request, admitting)
      .catch((problem: SpeechProblem) => problem)
      .finally(() => asking--)
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
      // A socket that we do not read cannot be heard to answer.
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

/** Only where no session can be opened: users of the Speech SDK never see why an upgrade was refused. */
const full = new SpeechProblem(503, 'TOO_MANY_SESSIONS', 'This server has as many sockets open as it can have, or is shutting down. Try again in a moment.', {
  'retry-after': '1',
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
