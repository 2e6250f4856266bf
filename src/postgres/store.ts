import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { type Db, openClient } from './client.ts'
import { forgetPostgresVariables, openEmbeddedPostgres } from './embedded.ts'
import { findRunningServer } from './embedded-claim.ts'
import { type Events, openEvents } from './events.ts'
import { migrateTables } from './migration.ts'
import { explainDatabaseProblem } from './problem.ts'
import { type DeclaredJob, migrateQueue, openQueue, type Queue } from './queue.ts'

/** One Postgres, seen three ways: rows, jobs, news. */
export interface Store {
  db: Db
  queue: Queue
  events: Events
  /** Throws when Postgres does not answer, or takes no writes. */
  check(): Promise<void>
  close(): Promise<void>
}

type Settings = Pick<Config, 'databaseUrl' | 'dataDir'>

/** Opens everything that lives in Postgres, starting the embedded server when no URL is given. */
export async function openStore(config: Settings, jobs: readonly DeclaredJob[], log: Log): Promise<Store> {
  return withClosing(async (open) => {
    const url = config.databaseUrl ?? (await open(openEmbeddedPostgres(postgresDir(config), log))).url
    return inWords(url, async () => {
      await migrateTables(url, log, migrateQueue)
      const { db, pool } = await open(openClient(url, log))
      const events = await open(openEvents(url, log))
      const queue = await open(openQueue(url, jobs, log))
      const check = async () => {
        const { rows } = await pool.query({ text: "select current_setting('transaction_read_only') as is_read_only", query_timeout: 2000 } as { text: string })
        if (rows[0].is_read_only === 'on') throw new Error('the database is read-only')
      }
      return { db, queue, events, check }
    })
  })
}

/** Opens the rows alone, for a command that runs beside the server or without one. */
export async function openDatabase(config: Settings, log: Log): Promise<{ db: Db; close(): Promise<void> }> {
  return withClosing(async (open) => {
    if (!config.databaseUrl) forgetPostgresVariables()
    const running = config.databaseUrl ?? (await findRunningServer(postgresDir(config)))
    const url = running ?? (await open(openEmbeddedPostgres(postgresDir(config), log))).url
    return inWords(url, async () => {
      await migrateTables(url, log)
      return { db: (await open(openClient(url, log, 1))).db }
    })
  })
}

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
