import { drizzle, type PostgresJsDatabase, postgresJsCodecs } from 'drizzle-orm/postgres-js'
import type { Sql } from 'postgres'
import { usualConnections } from '../config.ts'
import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'
import { type Connection, openConnection } from './connection.ts'
import { Pool, type PoolUsage } from './pool.ts'
import { createDrizzleClient, type DrizzleClient, runTransaction } from './transaction.ts'

/** What statements run on: the connections of a client, or one transaction. */
export type Db = PostgresJsDatabase
/** A transaction; every statement that belongs together takes one. */
export type Tx = Parameters<Parameters<Db['transaction']>[0]>[0]

export interface DatabaseClient {
  /** For statements that take milliseconds: they share connections, so a slow one delays those behind it. */
  db: Db
  /** For statements that can take long, such as text searches, counts over many rows and removals: each has a connection while it runs. */
  longDb: Db
  connections(): Record<'short' | 'long' | 'transactions', PoolUsage>
  close(): Promise<void>
}

/** How many connections there are for each purpose. */
export interface ConnectionShares {
  short: number
  long: number
  transactions: number
  queue: number
}

/** One for notifications of events, one for those of jobs. */
const listeners = 2

/** Divides the connections that a process can hold; what is left over goes to transactions. */
export function shareConnections(all: number): ConnectionShares {
  const queue = 2
  const rest = all - listeners - queue
  const [short, long] = [Math.ceil(rest / 4), Math.ceil(rest / 4)]
  return { short, long, transactions: rest - short - long, queue }
}

/** Statements under way on one shared connection. */
const maxPipelined = 50

/**
 * Opens connections for rows when they are needed. A transaction keeps one connection until it ends:
 * on `db` one of those for transactions, on `longDb` one of those for long statements.
 */
export function openClient(url: string, log: Log, { short, long, transactions }: ConnectionShares = shareConnections(usualConnections)): DatabaseClient {
  const openPool = (size: number, sharing: number) =>
    new Pool({
      size,
      sharing,
      open: () => openConnection(url, { name: 'custom-speech' }),
      lost: (reason) => limitLog(log).warn({ reason }, 'a connection to Postgres was lost'),
    })
  const [shared, single, exclusive] = [openPool(short, maxPipelined), openPool(long, 1), openPool(transactions, 1)]
  const onPools = (pool: Pool, forTransactions: Pool) =>
    createDrizzleClient((text, values, asArrays) => pool.use((connection) => connection.send(text, values, { asArrays, prepare: true })), {
      begin: (run) => forTransactions.use((connection) => runTransaction(connection, true, run)),
    })
  return {
    db: build(onPools(shared, exclusive)),
    longDb: build(onPools(single, single)),
    connections: () => ({ short: shared.usage(), long: single.usage(), transactions: exclusive.usage() }),
    async close() {
      await Promise.all([shared, single, exclusive].map((pool) => pool.close()))
    },
  }
}

/** The query builder on a single connection, without prepared statements. */
export const buildOn = (connection: Connection): Db =>
  build(
    createDrizzleClient((text, values, asArrays) => connection.send(text, values, { asArrays }), {
      begin: (run) => runTransaction(connection, false, run),
    }),
  )

/** Documents are written here, since postgres.js gets every value as text. */
const document = { normalizeParam: (value: unknown) => JSON.stringify(value) }
const codecs = {
  ...postgresJsCodecs,
  json: { ...postgresJsCodecs.json, ...document },
  jsonb: { ...postgresJsCodecs.jsonb, ...document },
}

const build = (client: DrizzleClient): Db => drizzle({ client: client as unknown as Sql, codecs })
