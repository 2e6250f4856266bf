import type { Db as BossDatabase } from 'pg-boss'
import type { Log } from '../log.ts'
import { boundedSession, type Connection, openConnection } from './connection.ts'
import { openListener } from './listener.ts'
import { Pool, type PoolUsage } from './pool.ts'

const name = 'custom-speech-queue'

// Its tables grow and shrink within minutes: a plan that was kept would soon be a bad one.
const session = `${boundedSession}; set plan_cache_mode = force_custom_plan`

/** Runs one or several statements as pg-boss writes them: those with BEGIN and COMMIT are one text. */
export async function runScript(connection: Connection, text: string, values: readonly unknown[] = []) {
  // One that is not prepared takes two round trips if it has values.
  const found = await connection.send(text, values, { prepare: values.length > 0 })
  return { rows: found.flat() }
}

/** Connections for pg-boss, and one more on which it listens. */
export function openQueueDatabase(url: string, log: Log, connections: number): BossDatabase & { connections(): PoolUsage; close(): Promise<void> } {
  const pool = new Pool({
    size: connections,
    sharing: 1,
    open: () => openConnection(url, { name, session, withDates: true }),
    lost: () => {},
  })
  return {
    executeSql: (text, values) =>
      pool.use((connection) =>
        runScript(connection, text, values).catch((error) => {
          // A script that failed behind its BEGIN leaves a transaction open.
          connection.break(error)
          throw error
        }),
      ),
    async listen(channel, hear, reconnected) {
      const listener = await openListener(url, log, { name, channel, hear, reconnected })
      reconnected()
      return listener
    },
    connections: () => pool.usage(),
    close: () => pool.close(),
  }
}
