import type { Connection } from './connection.ts'
import { ConnectionLostError, NoConnectionError } from './unavailable.ts'

export interface PoolOptions {
  /** Connections at most. */
  size: number
  /** Users of one connection at the same time, whose statements go one behind the other. */
  sharing: number
  open(): Promise<Connection>
  /** Called with the reason when a connection is lost before the pool is closed. */
  lost(reason: Error): void
}

export interface PoolUsage {
  /** Connections. */
  open: number
  used: number
  /** Users that wait for a connection. */
  waiting: number
  /** Connections at most. */
  most: number
}

interface Member {
  connection: Promise<Connection>
  users: number
  /** Ends the connection after a minute without users. */
  idle?: NodeJS.Timeout
}

/** How long a user waits while every connection is in use. */
const waitMs = 5_000
/** How long a connection stays open without users. */
const idleMs = 60_000
/** How long closing waits for a server that does not answer. */
const closeMs = 1_000

/** A bounded number of connections, opened when they are needed and replaced when they are lost. */
export class Pool {
  readonly #options: PoolOptions
  readonly #members = new Set<Member>()
  readonly #waiting: { resolve(member: Member): void; reject(error: Error): void }[] = []
  #isClosed = false
  #unused: () => void = () => {}

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Runs something on a connection, which others may use meanwhile if connections are shared. */
  async use<T>(run: (connection: Connection) => Promise<T>): Promise<T> {
    const member = await this.#take()
    try {
      return await run(await member.connection)
    } finally {
      await this.#give(member)
    }
  }

  usage(): PoolUsage {
    const members = [...this.#members]
    return { open: members.length, used: members.filter(({ users }) => users > 0).length, waiting: this.#waiting.length, most: this.#options.size }
  }

  /** Waits a moment for the users of connections, and ends all connections. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const { reject } of this.#waiting.splice(0)) reject(new ConnectionLostError())
    const late = new Promise<void>((resolve) => setTimeout(resolve, closeMs).unref())
    const unused = new Promise<void>((resolve) => {
      this.#unused = resolve
    })
    if ([...this.#members].some(({ users }) => users > 0)) await Promise.race([unused, late])
    const closed = [...this.#members].map(({ connection }) => connection.then((one) => one.close(closeMs)).catch(() => {}))
    await Promise.race([Promise.all(closed), late])
  }

  /** The connection with the fewest users; a new one as long as there are too few and the others have users. */
  #find(): Member | undefined {
    let free: Member | undefined
    for (const member of this.#members) if (member.users < (free?.users ?? this.#options.sharing)) free = member
    if (free?.users === 0 || this.#members.size >= this.#options.size) return free
    return this.#add()
  }

  async #take(): Promise<Member> {
    if (this.#isClosed) throw new ConnectionLostError()
    // Users that wait already come first.
    const found = this.#waiting.length ? undefined : this.#find()
    if (found) {
      this.#occupy(found)
      return found
    }
    const { promise, resolve, reject } = Promise.withResolvers<Member>()
    const one = { resolve, reject }
    this.#waiting.push(one)
    const late = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(one), 1)
      reject(new NoConnectionError())
    }, waitMs)
    return promise.finally(() => clearTimeout(late))
  }

  #occupy(member: Member) {
    member.users++
    clearTimeout(member.idle)
  }

  async #give(member: Member) {
    member.users--
    const connection = await member.connection.catch(() => undefined)
    if (connection?.isOutdated) this.#remove(member)
    if (connection?.isOutdated && member.users === 0) await connection.close(closeMs)
    this.#serve()
    if (member.users > 0) return
    clearTimeout(member.idle)
    member.idle = setTimeout(() => this.#retire(member), idleMs).unref()
    if ([...this.#members].every(({ users }) => users === 0)) this.#unused()
  }

  /** Ends a connection without users. */
  #retire(member: Member) {
    this.#remove(member)
    void member.connection.then((connection) => connection.close(0)).catch(() => {})
  }

  #serve() {
    while (this.#waiting.length) {
      const member = this.#find()
      if (!member) return
      this.#occupy(member)
      this.#waiting.shift()?.resolve(member)
    }
  }

  #add(): Member {
    const member: Member = { connection: this.#options.open(), users: 0 }
    this.#members.add(member)
    void this.#watch(member)
    return member
  }

  /** Frees the slot of a connection as soon as it is over. */
  async #watch(member: Member) {
    try {
      const connection = await member.connection
      if (this.#isClosed) await connection.close(0)
      const reason = await connection.lost
      if (!this.#isClosed && this.#members.has(member)) this.#options.lost(reason)
    } catch {
      // Its users are refused with the reason.
    }
    this.#remove(member)
  }

  #remove(member: Member) {
    if (this.#members.delete(member)) this.#serve()
  }
}
