import { readFile } from 'node:fs/promises'
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

// A connection is a stranger's until it has shown a good key. Strangers take a bounded number of connections: beyond
// it the oldest goes, so that a client that has a key gets in at any time and needs the place only until it has shown
// it. Addresses say nothing here, since behind a proxy all clients have the same.
// Wrong keys are told so late, by address: only clients that have just been refused wait, and a good key is let
// in at once from the same address, so that no client can lock another out.

/** The Speech SDK tries a refused key five times within a tenth of a second. */
const freeFailures = 30
const forgetMs = 60_000
const penaltyMs = 1_000
const maxAddresses = 10_000

const maxStrangers = 1_000
/** Strangers leave most of the files that the process may open to clients, Postgres and the disk. */
const shareOfFiles = 1 / 4

interface Door {
  strangers: Set<Duplex>
  failures: Map<string, { count: number; since: number }>
  waiting: number
}

const doors = new WeakMap<Duplex, Door>()

export interface Strangers {
  /** Connections that have not shown a good key. */
  readonly count: number
  /** Connections that were cut for newer ones. */
  readonly cut: number
}

/** Bounds the connections of this server's strangers. */
export function limitStrangers(server: Server, max: number): Strangers {
  const door: Door = { strangers: new Set(), failures: new Map(), waiting: 0 }
  let cut = 0
  server.on('connection', (socket: Duplex) => {
    doors.set(socket, door)
    const [oldest] = door.strangers
    if (oldest && door.strangers.size >= max) {
      door.strangers.delete(oldest)
      oldest.destroy()
      cut++
    }
    door.strangers.add(socket)
    socket.once('close', () => door.strangers.delete(socket))
  })
  return {
    get count() {
      return door.strangers.size
    },
    get cut() {
      return cut
    },
  }
}

/** As many strangers as the process can bear: a share of the files that it may open, where that is known. */
export async function findMaxStrangers(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const files = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  return Math.max(16, Math.min(maxStrangers, Math.floor(files * shareOfFiles)))
}

/** Passes on the caller that a presented key stands for. With null, the key is wrong, and the answer may come late. */
export async function letIn<T>(request: IncomingMessage, looking: Promise<T | null>): Promise<T | null> {
  const found = await looking
  if (found) welcome(request)
  else await refuseKey(request)
  return found
}

/** The request has shown a good key. */
export function welcome({ socket }: IncomingMessage): void {
  doors.get(socket)?.strangers.delete(socket)
}

/** Resolves when the refusal of a wrong key may be sent. */
export async function refuseKey({ socket }: IncomingMessage): Promise<void> {
  const door = doors.get(socket)
  if (!door || countFailure(door, socket.remoteAddress ?? '') <= freeFailures || door.waiting >= maxStrangers) return
  door.waiting++
  await delay(penaltyMs)
  door.waiting--
}

function countFailure({ failures }: Door, address: string): number {
  const now = performance.now()
  const known = failures.get(address)
  const entry = known && now - known.since < forgetMs ? known : { count: 0, since: now }
  entry.count++
  if (failures.size >= maxAddresses) failures.clear()
  failures.set(address, entry)
  return entry.count
}
