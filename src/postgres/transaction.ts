import type { Connection, Rows } from './connection.ts'

/** A statement that is sent in a moment: until then its rows can be asked for as arrays. */
type Statement = Promise<Rows> & { values(): Promise<Rows> }

/** What the query builder calls of postgres.js. */
export interface DrizzleClient {
  /** The query builder sets how postgres.js should read and write dates, which values.ts does here. */
  options: { parsers: object; serializers: object }
  unsafe(text: string, values: unknown[]): Statement
  begin?<T>(run: (client: DrizzleClient) => Promise<T>): Promise<T>
  savepoint?<T>(run: (client: DrizzleClient) => Promise<T>): Promise<T>
}

type Send = (text: string, values: readonly unknown[], asArrays: boolean) => Promise<Rows>

export function createDrizzleClient(send: Send, more: Pick<DrizzleClient, 'begin' | 'savepoint'>): DrizzleClient {
  return {
    options: { parsers: {}, serializers: {} },
    unsafe(text, values) {
      let asArrays = false
      // In the order of the calls, one microtask later.
      const answer = Promise.resolve().then(() => send(text, values, asArrays))
      const inArrays = () => {
        asArrays = true
        return answer
      }
      return Object.assign(answer, { values: inArrays })
    },
    ...more,
  }
}

/** A statement came after the end of its transaction, or COMMIT rolled everything back. Nothing was committed. */
class TransactionError extends Error {}

/** The value of a transaction whose last statements have no answer yet. */
class LastStatements<T> {
  readonly value: T
  readonly statements: readonly Promise<unknown>[]

  constructor(value: T, statements: readonly PromiseLike<unknown>[]) {
    this.value = value
    // The query builder executes a statement each time that its `then` is called.
    this.statements = statements.map((statement) => Promise.resolve(statement))
  }
}

/**
 * What a transaction returns to have COMMIT sent together with its last statements, which saves a round trip. Each promise
 * is that of one statement, and nothing depends on the rows that it answers: a statement that fails rolls the
 * transaction back.
 */
export const commitWith = <T>(value: T, statements: readonly PromiseLike<unknown>[]): T => new LastStatements(value, statements) as unknown as T

/** Sends a statement as it is written, which takes less time than the query builder. The statement gets the names of columns as Postgres has them. */
export const sendText = (tx: object, text: string, values: readonly unknown[] = []): Promise<Rows> =>
  (tx as { session: { client: DrizzleClient } }).session.client.unsafe(text, [...values])

/** The query builder sends a statement some microtasks after the call. */
const maxTurns = 100

/**
 * Runs a transaction on a connection that nothing else uses meanwhile. A connection never becomes another session,
 * so each statement arrives in the session that answered BEGIN, or is refused. When the connection is lost, the
 * server rolls the transaction back.
 *
 * A SELECT that comes first, such as the lock of a row, is sent together with BEGIN. If BEGIN fails, the SELECT runs
 * alone and changes nothing. Every other statement waits for the answer to BEGIN: behind a BEGIN that failed, the
 * statement would be committed alone.
 */
export async function runTransaction<T>(connection: Connection, prepare: boolean, run: (client: DrizzleClient) => Promise<T>): Promise<T> {
  let hasEnded = false
  const begun = connection.send('begin')
  // Each statement and COMMIT report the failure.
  begun.catch(() => {})
  let isFirst = true
  let unanswered = 0
  const send: Send = async (text, values, asArrays) => {
    const isWithBegin = isFirst && text.startsWith('select ')
    isFirst = false
    if (!isWithBegin) await begun
    // Checked last: between the check and the sending, the transaction must not end.
    if (hasEnded) throw new TransactionError('The transaction has ended.')
    unanswered++
    try {
      const [, rows] = await Promise.all([begun, connection.send(text, values, { asArrays, prepare })])
      return rows
    } finally {
      unanswered--
    }
  }
  let savepoints = 0
  const client = createDrizzleClient(send, {
    async savepoint(runInner) {
      const name = `s${++savepoints}`
      await send(`savepoint ${name}`, [], false)
      try {
        const value = await runInner(client)
        await send(`release savepoint ${name}`, [], false)
        return value
      } catch (error) {
        await send(`rollback to savepoint ${name}`, [], false).catch(() => {})
        throw error
      }
    },
  })
  try {
    const result: unknown = await run(client)
    const { value, statements } = result instanceof LastStatements ? (result as LastStatements<T>) : { value: result as T, statements: [] }
    for (let turn = 0; turn < maxTurns && unanswered < statements.length; turn++) await undefined
    // COMMIT must not overtake a statement.
    if (unanswered < statements.length) await Promise.all(statements)
    hasEnded = true
    await begun
    const [{ command }] = await Promise.all([connection.send('commit'), ...statements])
    // Postgres answers so when a statement had failed, even if its error was caught.
    if (command === 'ROLLBACK') throw new TransactionError('The transaction was rolled back because a statement in it had failed.')
    return value
  } catch (error) {
    hasEnded = true
    // The next user of the connection must not be in this transaction.
    await connection.send('rollback').catch((reason) => connection.break(reason))
    throw error
  }
}
