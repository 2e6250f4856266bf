import { setTimeout as delay } from 'node:timers/promises'
import { type Column, sql } from 'drizzle-orm'
import { PgBoss } from 'pg-boss'
import type { ZodType } from 'zod'
import type { Log } from '../log.ts'
import { limitLog } from '../log-limit.ts'
import type { Tx } from './client.ts'
import type { Connection } from './connection.ts'
import type { PoolUsage } from './pool.ts'
import { openQueueDatabase, runScript } from './queue-database.ts'
import { sendText } from './transaction.ts'
import { explainUnavailable } from './unavailable.ts'

/** A job as a contract: its name and what it carries. Its handler decides itself whether a failure is tried again. */
export interface Job<Payload extends object> {
  name: string
  payload: ZodType<Payload>
  /** Of two waiting or running jobs with one key, only the first is kept. */
  key: (payload: Payload) => string
  /** How often it is taken over from a worker that died, stopped or threw, before it is given up. */
  interruptions: number
}

/** What a queue is declared from. */
export type DeclaredJob = Pick<Job<never>, 'name' | 'interruptions'>

export interface Handler<Payload> {
  /** Runs the job. When the signal aborts, another worker takes the job, and this run ends as soon as possible. */
  run(payload: Payload, signal: AbortSignal): Promise<void>
  /** Called once when the job was interrupted too often. */
  giveUp(payload: Payload): Promise<void>
}

interface EnqueueOptions {
  /** The id of the new job. */
  id: string
  /** The highest is next. */
  priority: number
  /** Seconds before it may begin. */
  delay: number
}

export interface Queue {
  /** Adds the job when, and only when, the transaction commits. */
  enqueue<Payload extends object>(tx: Tx, job: Job<Payload>, payload: Payload, options: EnqueueOptions): Promise<void>
  /** Removes the job when the transaction commits, also when a worker has it. */
  remove(tx: Tx, job: DeclaredJob, id: string): Promise<void>
  /** Works the job here, at most `parallel` at a time. */
  work<Payload extends object>(job: Job<Payload>, parallel: number, handler: Handler<Payload>): Promise<void>
  /** Throws when the queue's own connections or tables do not answer. */
  check(): Promise<void>
  connections(): PoolUsage
  /** Takes no more jobs. Running jobs have a moment to finish, then other workers take them. */
  close(): Promise<void>
}

/** The time for running jobs to finish when the process stops, and then the time to release them. */
const graceMs = 2000
const releaseMs = 1000
const disconnectMs = 500

/** A missing heartbeat shows that a worker died. Deadlines, not the queue, limit the time of a live worker. */
const heartbeat = { heartbeatSeconds: 10, expireInSeconds: 23 * 3600 }
/** Finished jobs are deleted an hour after their end, by the next maintenance, which runs every ten minutes. */
const retention = { deleteAfterSeconds: 3600, maintenanceIntervalSeconds: 600 }
const schema = 'pgboss'

/** Creates the queue, or updates the queue of an earlier version. */
async function declare(
  boss: PgBoss,
  name: string,
  policy: 'standard' | 'exclusive',
  options: Omit<NonNullable<Parameters<PgBoss['createQueue']>[1]>, 'policy'>,
) {
  await boss.createQueue(name, { policy, ...options })
  await boss.updateQueue(name, options)
}

/** True in SQL for the id of a job that no worker has in its hands at present. */
export const isWaitingJob = (id: Column) => sql<boolean>`exists (select from pgboss.job where id = ${id} and state in ('created', 'retry'))`

/** Statements of pg-boss in a transaction of ours. */
const inTransaction = (tx: Tx) => ({ executeSql: async (text: string, values?: unknown[]) => ({ rows: await sendText(tx, text, values) }) })

const deadLetter = (name: string) => `${name}-dead`

/** Brings pg-boss's own tables up to date on a connection that has no time limits. */
export async function migrateQueue(connection: Connection): Promise<void> {
  const boss = new PgBoss({ db: { executeSql: (text, values) => runScript(connection, text, values) }, schema, supervise: false, schedule: false })
  boss.on('error', () => {})
  await boss.start()
  await boss.stop({ graceful: false })
}

/** While Postgres is away every worker fails each second, all for one reason. */
function logProblem(log: Log, error: unknown) {
  const { message = JSON.stringify(error), code, severity } = error as { message?: string; code?: string; severity?: string }
  // pg-boss adds the worker's name, and hands over a plain object.
  const reason = message.replace(/ \(Queue: [^)]*\)$/, '')
  const isAway = reason.startsWith('LISTEN/NOTIFY') || explainUnavailable(Object.assign(new Error(reason), { code, severity }))
  limitLog(log).error({ error: reason, code }, 'queue', isAway ? 'queue' : `queue: ${reason}`)
}

async function declareJob(boss: PgBoss, job: DeclaredJob) {
  await declare(boss, deadLetter(job.name), 'standard', {
    notify: true,
    ...heartbeat,
    retryLimit: 1000,
    retryDelay: 5,
    deleteAfterSeconds: retention.deleteAfterSeconds,
  })
  await declare(boss, job.name, 'exclusive', {
    notify: true,
    deadLetter: deadLetter(job.name),
    retryLimit: job.interruptions,
    ...heartbeat,
    retryDelay: 1,
    retryBackoff: true,
    retryDelayMax: 2,
    deleteAfterSeconds: retention.deleteAfterSeconds,
  })
}

/** Opens pg-boss with a few separate connections, and declares the queues of the jobs. */
export async function openQueue(url: string, jobs: readonly DeclaredJob[], log: Log, connections: number): Promise<Queue> {
  const db = openQueueDatabase(url, log, connections)
  const boss = new PgBoss({
    db,
    schema,
    useListenNotify: true,
    maintenanceIntervalSeconds: retention.maintenanceIntervalSeconds,
    // A worker that was killed is noticed by its missing heartbeat, so look often.
    superviseIntervalSeconds: 1,
    monitorIntervalSeconds: 1,
  })
  boss.on('error', (error) => logProblem(log, error))
  boss.on('warning', (warning) => log.debug({ warning }, 'queue'))
  try {
    await boss.start()
    for (const job of jobs) await declareJob(boss, job)
  } catch (error) {
    await boss.stop({ graceful: false }).catch(() => {})
    await db.close()
    throw error
  }

  let closed: Promise<void> | undefined
  const closing = new AbortController()
  const stop = async () => {
    const releasing = setTimeout(() => closing.abort(new Error('the process stops')), graceMs)
    const timeout = graceMs + releaseMs
    // pg-boss waits for its statements as well, which a Postgres that does not answer would hold.
    await Promise.race([boss.stop({ graceful: true, timeout }), delay(timeout + disconnectMs, undefined, { ref: false })]).finally(() =>
      clearTimeout(releasing),
    )
    await db.close()
  }
  return {
    async enqueue(tx, job, payload, { id, priority, delay }) {
      job.payload.parse(payload)
      const sent = await boss.send(job.name, payload, { id, singletonKey: job.key(payload), priority, startAfter: delay, db: inTransaction(tx) })
      if (!sent) throw new Error(`there is a job ${job.name} with this key already`)
    },

    async remove(tx, job, id) {
      await boss.deleteJob(job.name, id, { db: inTransaction(tx) })
    },

    async work(job, parallel, handler) {
      // A burst of jobs sends one notification, and retries send none: poll each second
      // as well, and look again after every job.
      const polling = { pollingIntervalSeconds: 1, notifyPollingIntervalSeconds: 1 }
      for (let slot = 0; slot < parallel; slot++) {
        const worker: string = await boss.work<object>(job.name, { ...polling, heartbeatRefreshSeconds: 3 }, async ([taken]) => {
          if (!taken) return
          try {
            await handler.run(job.payload.parse(taken.data), AbortSignal.any([taken.signal, closing.signal]))
          } finally {
            boss.notifyWorker(worker)
          }
        })
      }
      await boss.work<object>(deadLetter(job.name), polling, async ([taken]) => {
        if (taken) await handler.giveUp(job.payload.parse(taken.data))
      })
    },

    async check() {
      await db.executeSql(`select from ${schema}.version`)
    },

    connections: () => db.connections(),

    close() {
      closed ??= stop()
      return closed
    },
  }
}
