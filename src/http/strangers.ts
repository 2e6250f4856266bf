import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { SharedCounts } from '../postgres/shared-counts.ts'
import { noteKey } from './request-record.ts'

// A connection is a stranger until it has sent a valid key. Strangers have a limited number of connections. Beyond the
// limit the oldest one is closed, so that a client with a key can always connect. The limit does not depend on addresses,
// because all clients behind a proxy have the same one.
// After many wrong keys from one address, the refusal of further wrong keys is delayed. Valid keys from that address are
// never delayed, so no client can lock another one out. The wrong keys of an address count in all processes together.

/** The Speech SDK tries a refused key five times within a tenth of a second. */
const freeFailures = 30
const forgetMs = 60_000
const penaltyMs = 1_000
const maxAddresses = 10_000
/** Other processes get the addresses with the most wrong keys, and none with fewer than this. */
const minSharedFailures = 3
const maxSharedAddresses = 1_000

const maxStrangers = 1_000
/** The part of the process's open files for strangers. The rest is for clients, Postgres and the disk. */
const shareOfFiles = 1 / 4

interface StrangerState {
  strangers: Set<Duplex>
  failures: Map<string, { count: number; since: number }>
  waiting: number
  countElsewhere: SharedCounts['countElsewhere']
}

const states = new WeakMap<Duplex, StrangerState>()

export interface Strangers {
  /** Open connections that have not sent a valid key. */
  readonly count: number
  /** The number of connections that were closed for newer ones. */
  readonly cut: number
  /** Counts wrong keys together with the other processes. */
  share(counts: Pick<SharedCounts, 'publish' | 'countElsewhere'>): void
}

/** Limits the connections of strangers to this server. */
export function limitStrangers(server: Server, max: number): Strangers {
  const state: StrangerState = { strangers: new Set(), failures: new Map(), waiting: 0, countElsewhere: () => 0 }
  let cut = 0
  server.on('connection', (socket: Duplex) => {
    states.set(socket, state)
    const [oldest] = state.strangers
    if (oldest && state.strangers.size >= max) {
      state.strangers.delete(oldest)
      oldest.destroy()
      cut++
    }
    state.strangers.add(socket)
    socket.once('close', () => state.strangers.delete(socket))
  })
  return {
    get count() {
      return state.strangers.size
    },
    get cut() {
      return cut
    },
    share(counts) {
      state.countElsewhere = counts.countElsewhere
      counts.publish(() => findSharedFailures(state))
    },
  }
}

/** The limit of strangers: a part of the process's open files on Linux, a constant elsewhere. */
export async function findMaxStrangers(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const files = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  return Math.max(16, Math.min(maxStrangers, Math.floor(files * shareOfFiles)))
}

/** Resolves with the viewer of a key. With null the key is wrong, and the result can be delayed. */
export async function letIn<T extends { keyId: string }>(request: IncomingMessage, looking: Promise<T | null>): Promise<T | null> {
  const found = await looking
  if (found) {
    noteKey(found.keyId)
    welcome(request)
  } else await refuseKey(request)
  return found
}

/** Notes that the connection of the request has sent a valid key. */
export function welcome({ socket }: IncomingMessage): void {
  states.get(socket)?.strangers.delete(socket)
}

/** Resolves when the refusal of a wrong key can be sent. */
export async function refuseKey({ socket }: IncomingMessage): Promise<void> {
  const state = states.get(socket)
  const address = socket.remoteAddress ?? ''
  if (!state || countFailure(state, address) + state.countElsewhere(nameOf(address)) <= freeFailures || state.waiting >= maxStrangers) return
  state.waiting++
  await delay(penaltyMs)
  state.waiting--
}

function countFailure({ failures }: StrangerState, address: string): number {
  const now = performance.now()
  const known = failures.get(address)
  const entry = known && now - known.since < forgetMs ? known : { count: 0, since: now }
  entry.count++
  if (failures.size >= maxAddresses) failures.clear()
  failures.set(address, entry)
  return entry.count
}

/** The name of an address for other processes: 20 bits of a hash, which many addresses share, so that the database has none. */
const nameOf = (address: string) => `wrong-keys:${createHash('sha256').update(address).digest('hex').slice(0, 5)}`

function findSharedFailures({ failures }: StrangerState): [string, number][] {
  const now = performance.now()
  const many = [...failures].filter(([, { count, since }]) => count >= minSharedFailures && now - since < forgetMs)
  const most = many.length > maxSharedAddresses ? many.sort(([, a], [, b]) => b.count - a.count).slice(0, maxSharedAddresses) : many
  return most.map(([address, { count }]) => [nameOf(address), count])
}
