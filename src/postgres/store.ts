import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { type Config, minConnections, usualConnections } from '../config.ts'
import type { Log } from '../log.ts'
import { type Db, openClient, shareConnections } from './client.ts'
import { openClock } from './clock.ts'
import { findRunningServer } from './embedded/claim.ts'
import { forgetPostgresVariables, openEmbeddedPostgres } from './embedded/server.ts'
import { type Events, openEvents } from './events.ts'
import { type MigrationReport, migrateTables } from './migration.ts'
import type { PoolUsage } from './pool.ts'
import { explainDatabaseProblem } from './problem.ts'
import { type DeclaredJob, migrateQueue, openQueue, type Queue } from './queue.ts'
import { NoAnswerError } from './unavailable.ts'

/** One Postgres, seen three ways: rows, jobs, news. */
export interface Store {
  db: Db
  /** For statements that can take long; see {@link DatabaseClient}. */
  longDb: Db
  queue: Queue
  events: Events
  /** The time of Postgres, in milliseconds since 1970; see {@link Clock}. */
  now(): number
  /** Throws when Postgres does not answer, or takes no writes. */
  check(): Promise<void>
  /** The connections of this process by purpose, without the two that listen. */
  connections(): Record<string, PoolUsage>
  close(): Promise<void>
}

type Settings = Pick<Config, 'databaseUrl' | 'dataDir'> & Partial<Pick<Config, 'databaseConnections'>>

/** Opens everything that lives in Postgres, starting the embedded server when no URL is given. */
export async function openStore(config: Settings, jobs: readonly DeclaredJob[], log: Log): Promise<Store> {
  return withClosing(async (open) => {
    const url = config.databaseUrl ?? (await open(openEmbeddedPostgres(postgresDir(config), log))).url
    return inWords(url, async () => {
      await migrateTables(url, log, migrateQueue)
      const shares = shareConnections(config.databaseConnections ?? usualConnections)
      const client = await open(openClient(url, log, shares))
      const { db, longDb } = client
      const { now } = await open(openClock(db, log))
      const events = await open(openEvents(url, log))
      const queue = await open(openQueue(url, jobs, log, shares.queue))
      const check = async () => {
        const late = delay(checkMs, undefined, { ref: false }).then(() => Promise.reject(new NoAnswerError()))
        const asked = db.execute<{ is_read_only: string }>(sql`select current_setting('transaction_read_only') as is_read_only`)
        const [answer] = await Promise.race([asked, late])
        if (answer?.is_read_only === 'on') throw new Error('the database is read-only')
      }
      const connections = () => ({ ...client.connections(), queue: queue.connections() })
      return { db, longDb, queue, events, now, check, connections }
    })
  })
}

/** Opens the rows alone, for a command that runs beside the server or without one. */
export async function openDatabase(config: Settings, log: Log): Promise<{ db: Db; close(): Promise<void> }> {
  return withClosing(async (open) => {
    const { url } = await open(findDatabase(config, log))
    return inWords(url, async () => {
      await migrateTables(url, log)
      return { db: (await open(openClient(url, log, shareConnections(minConnections)))).db }
    })
  })
}

/** The URL of the database, for a command that runs beside the server or without one. Starts the embedded Postgres if no process runs it. */
export async function findDatabase(config: Settings, log: Log): Promise<{ url: string; close(): Promise<void> }> {
  if (config.databaseUrl) return { url: config.databaseUrl, close: async () => {} }
  forgetPostgresVariables()
  const running = await findRunningServer(postgresDir(config))
  return running ? { url: running, close: async () => {} } : openEmbeddedPostgres(postgresDir(config), log)
}

/** Brings the tables and the queue up to date, and reports each step. */
export const migrateDatabase = (url: string, log: Log, report: MigrationReport): Promise<void> => migrateTables(url, log, migrateQueue, report)

/** True if the directory has data of the embedded Postgres. */
export const hasEmbeddedData = (dataDir: string): boolean => existsSync(join(postgresDir({ dataDir, databaseUrl: undefined }), 'data/PG_VERSION'))

/** What `check` waits for an answer. */
const checkMs = 2000

const postgresDir = ({ dataDir }: Settings) => join(dataDir, 'postgres')

async function inWords<T>(url: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    throw explainDatabaseProblem(error, url)
  }
}

type Open = <Part extends { close(): Promise<unknown> }>(part: Part | Promise<Part>) => Promise<Part>

/** Adds a `close` that ends what was opened, in reverse; when opening fails, that happens at once. */
async function withClosing<T extends object>(build: (open: Open) => Promise<T>): Promise<T & { close(): Promise<void> }> {
  const opened: { close(): Promise<unknown> }[] = []
  const close = async () => {
    for (const part of opened.splice(0).reverse()) await part.close()
  }
  try {
    const built = await build(async (part) => {
      const value = await part
      opened.push(value)
      return value
    })
    return { ...built, close }
  } catch (error) {
    await close()
    throw error
  }
}
