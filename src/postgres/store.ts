import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { type Db, openClient } from './client.ts'
import { openEmbeddedPostgres } from './embedded.ts'
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

/** Opens everything that lives in Postgres, starting the embedded server when no URL is given. */
export async function openStore(config: Pick<Config, 'databaseUrl' | 'dataDir'>, jobs: readonly DeclaredJob[], log: Log): Promise<Store> {
  const opened: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const closeOne of opened.splice(0).reverse()) await closeOne()
  }
  let url = config.databaseUrl
  try {
    if (!url) {
      const server = await openEmbeddedPostgres(join(config.dataDir, 'postgres'), log)
      opened.push(server.close)
      url = server.url
    }
    await migrateTables(url, log, migrateQueue)
    const client = openClient(url, log)
    opened.push(client.close)
    const events = await openEvents(url, log)
    opened.push(events.close)
    const queue = await openQueue(url, jobs, log)
    opened.push(queue.close)
    const check = async () => {
      const { rows } = await client.pool.query({ text: "select current_setting('transaction_read_only') as is_read_only", query_timeout: 2000 } as {
        text: string
      })
      if (rows[0].is_read_only === 'on') throw new Error('the database is read-only')
    }
    return { db: client.db, queue, events, check, close }
  } catch (error) {
    await close()
    throw url ? explainDatabaseProblem(error, url) : error
  }
}
