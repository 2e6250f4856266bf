import type { Socket } from 'node:net'
import postgres from 'postgres'
import { openSocket, parseAddress } from './address.ts'
import { ConnectionLostError, NoAnswerError } from './unavailable.ts'
import { dateTypes, textTypes, toText } from './values.ts'

/**
 * postgres.js sends a prepared statement again when its plan has become invalid. Further statements get between its
 * parts then, and answers go to the wrong statements. It recognizes such errors by the server's routine that they
 * name, so errors here have none.
 */
Object.defineProperty(postgres.PostgresError.prototype, 'routine', { set() {} })

/** The plan of a prepared statement no longer fits its table, or the server does not know the statement: only a new connection helps. */
const isOutdated = ({ code, message }: postgres.PostgresError) => code === '26000' || (code === '0A000' && message.startsWith('cached plan'))

/** Statements that one connection keeps prepared; ours are fewer. Further ones are parsed each time. */
const maxPrepared = 500
/** The number of parameters of a statement has 16 bits. */
const maxValues = 65_534

/**
 * The limit between two answers of a server that has statements to answer. A statement ends after 15 s at most, so a
 * server that is silent for longer has frozen or is out of reach.
 */
const answerMs = 20_000
const connectMs = 5_000

/**
 * Ends statements after 15 s, transactions that stand still after 10 s, and statements whose client is gone within a
 * second. Sent after connecting: PgBouncer refuses connections that carry these settings as startup parameters.
 * A server on Windows refuses the last one.
 */
export const boundedSession = `
  set statement_timeout = 15000;
  set idle_in_transaction_session_timeout = 10000;
  set idle_session_timeout = 0;
  do $$ begin
    set client_connection_check_interval = 1000;
  exception when others then null;
  end $$`

export type Rows = postgres.RowList<postgres.Row[]>

export interface ConnectionOptions {
  /** As pg_stat_activity shows it. */
  name: string
  /** Settings, sent first; {@link boundedSession} unless given. */
  session?: string
  /** The limit in milliseconds for a statement, and for the silence of the server while statements wait; 0 for none. */
  answerMs?: number
  /** Dates as JavaScript's, rather than as text. */
  withDates?: boolean
  /** Called with the payload of each notification. */
  hear?: (payload: string) => void
}

interface SendOptions {
  /** Rows as arrays of values. */
  asArrays?: boolean
  /** Parsed and planned once for each connection. Only one statement at a time can be prepared. */
  prepare?: boolean
}

/**
 * One connection to Postgres, from its first byte to its last: a client of postgres.js that can connect only once.
 * A client that reconnects would write the rest of a broken transaction to the new session, where it is committed, or
 * to a socket that is gone, which ends the process. Here a connection is over when it breaks or an answer is overdue:
 * its statements fail, and later ones are refused.
 */
export class Connection {
  /** Settles with the reason when the connection is over. */
  readonly lost: Promise<Error>
  /** True when nothing more should be sent although the connection stands. */
  isOutdated = false
  #reason: Error | undefined
  readonly #end: (reason: Error) => void
  readonly #sql: postgres.Sql
  readonly #socket: Socket
  readonly #answerMs: number
  /** Fails one statement that has no answer yet. */
  readonly #pending = new Set<(reason: Error) => void>()
  readonly #prepared = new Set<string>()
  #silence: NodeJS.Timeout | undefined
  /** Statements that the server has not answered, also those that have failed for their time. */
  #unanswered = 0
  #drained: () => void = () => {}

  constructor(socket: Socket, address: ReturnType<typeof parseAddress>, options: ConnectionOptions) {
    const { promise, resolve } = Promise.withResolvers<Error>()
    this.lost = promise
    this.#end = resolve
    this.#socket = socket
    this.#answerMs = options.answerMs ?? answerMs
    // postgres.js takes the socket a moment later, and an error without a listener would end the process.
    socket.on('error', () => {})
    socket.on('close', () => this.break(new ConnectionLostError()))
    let isUsed = false
    const settings = {
      ...address.login,
      host: address.host,
      port: address.port,
      max: 1,
      ssl: false,
      // postgres.js asks for a socket each time it connects.
      socket: () => {
        if (isUsed) throw new ConnectionLostError()
        isUsed = true
        return socket
      },
      onnotify: (_: string, payload: string) => options.hear?.(payload),
      onnotice: () => {},
      connection: { application_name: options.name, ...(address.options ? { options: address.options } : {}) },
      types: options.withDates ? dateTypes : textTypes,
      // Loading types throws outside of any handler when the connection breaks meanwhile. The other three are timers of a pool.
      fetch_types: false,
      idle_timeout: undefined,
      max_lifetime: null,
      connect_timeout: 0,
    }
    this.#sql = postgres(settings as unknown as postgres.Options<Record<string, postgres.PostgresType>>)
  }

  /** Sends a statement, behind those that have no answer yet; answers its rows. Several statements in one text go without values and unprepared. */
  send(text: string, values: readonly unknown[] = [], { asArrays = false, prepare = false }: SendOptions = {}): Promise<Rows> {
    if (this.#reason) return Promise.reject(this.#reason)
    return new Promise((resolve, reject) => {
      if (values.length > maxValues) throw new RangeError(`A statement has at most ${maxValues} values.`)
      const texts = values.map(toText)
      // Only this statement fails: the server can be busy with those before it.
      const late = this.#answerMs ? setTimeout(() => fail(new NoAnswerError()), this.#answerMs) : undefined
      const settle = () => {
        clearTimeout(late)
        this.#pending.delete(fail)
        if (this.#pending.size === 0) this.#drained()
      }
      const answered = () => {
        settle()
        this.#unanswered--
        this.#watchSilence()
      }
      const fail = (reason: Error) => {
        settle()
        reject(reason)
      }
      this.#pending.add(fail)
      if (++this.#unanswered === 1) this.#watchSilence()
      const simple = !prepare && texts.length === 0
      const query = this.#sql.unsafe(text, texts, { prepare: prepare && this.#mayPrepare(text), simple } as postgres.UnsafeQueryOptions)
      // Its getter keeps the text of each statement that fails for the life of the process.
      Object.defineProperty(query, 'origin', { value: '' })
      const answer = (asArrays ? query.values() : query) as unknown as Promise<Rows>
      answer.then(
        (rows) => {
          answered()
          resolve(rows)
        },
        (error) => {
          answered()
          reject(this.#judge(error))
        },
      )
    })
  }

  /** A COPY as postgres.js sends it; `copy.ts` says how to use it. No other statement can be under way. */
  stream(text: string) {
    if (this.#reason) throw this.#reason
    return Object.defineProperty(this.#sql.unsafe(text), 'origin', { value: '' })
  }

  /** Reads on after a COPY whose rows came faster than they were taken. */
  resume(): void {
    this.#socket.resume()
  }

  /** Measures the silence of the server from now on, if statements wait for answers. */
  #watchSilence() {
    clearTimeout(this.#silence)
    if (this.#answerMs && this.#unanswered > 0 && !this.#reason) this.#silence = setTimeout(() => this.break(new NoAnswerError()), this.#answerMs)
  }

  #mayPrepare(text: string): boolean {
    if (!this.#prepared.has(text) && this.#prepared.size >= maxPrepared) return false
    this.#prepared.add(text)
    return true
  }

  /** An error of the server concerns one statement; every other one ends the connection. */
  #judge(error: Error): Error {
    if (error instanceof postgres.PostgresError) {
      this.isOutdated ||= isOutdated(error)
      if (error.severity !== 'FATAL' && error.severity !== 'PANIC') return error
      this.break(error)
      return error
    }
    const reason = error instanceof ConnectionLostError ? error : new ConnectionLostError({ cause: error })
    this.break(reason)
    return reason
  }

  /** Ends the connection at once: statements without an answer fail with the reason, and later ones are refused. */
  break(reason: Error): void {
    if (this.#reason) return
    this.#reason = reason
    clearTimeout(this.#silence)
    for (const fail of [...this.#pending]) fail(reason)
    // A server that has frozen would not close the socket.
    this.#sql.end({ timeout: 0 }).finally(() => this.#socket.destroy())
    this.#end(reason)
  }

  /** Waits for answers, at most so many milliseconds, then ends the connection. */
  async close(limitMs: number): Promise<void> {
    if (this.#pending.size > 0) {
      const drained = new Promise<void>((resolve) => {
        this.#drained = resolve
      })
      const late = setTimeout(() => this.#drained(), limitMs)
      await drained
      clearTimeout(late)
    }
    this.break(new ConnectionLostError())
  }
}

/** Connects and logs in, within five seconds. */
export async function openConnection(url: string, options: ConnectionOptions): Promise<Connection> {
  const address = parseAddress(url)
  const began = performance.now()
  const connection = new Connection(await openSocket(address, connectMs), address, options)
  const late = setTimeout(() => connection.break(new NoAnswerError()), connectMs - (performance.now() - began))
  try {
    await connection.send(options.session ?? boundedSession)
    return connection
  } catch (error) {
    connection.break(error as Error)
    throw error
  } finally {
    clearTimeout(late)
  }
}
