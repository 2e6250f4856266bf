import { sql } from 'drizzle-orm'
import { fromDrizzle, PgBoss } from 'pg-boss'
import type { ZodType } from 'zod'
import type { Log } from '../log.ts'
import type { Tx } from './client.ts'

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
  /** Does the work; when the signal aborts, somebody else will, and it ends as soon as it can. */
  run(payload: Payload, signal: AbortSignal): Promise<void>
  /** Called once when the job was interrupted too often. */
  giveUp(payload: Payload): Promise<void>
}

interface EnqueueOptions {
  /** The highest is next. */
  priority: number
  /** Seconds before it may begin. */
  delay: number
}

export interface Queue {
  /** Adds the job when, and only when, the transaction commits; answers its id, or that of the one with its key. */
  enqueue<Payload extends object>(tx: Tx, job: Job<Payload>, payload: Payload, options: EnqueueOptions): Promise<string | null>
  /** Takes the job out when the transaction commits, whether it waits or is at work. */
  remove(tx: Tx, job: DeclaredJob, id: string): Promise<void>
  /** Works the job here, at most `parallel` at a time. */
  work<Payload extends object>(job: Job<Payload>, parallel: number, handler: Handler<Payload>): Promise<void>
  /** Takes no more jobs; those at work have a moment to finish, then they are left to other workers. */
  close(): Promise<void>
}

/** What a job at work may take to finish when the process stops, and what it may then take to let go. */
const graceMs = 3000
const letGoMs = 2000

const deadLetter = (name: string) => `${name}-dead`

/** Opens pg-boss with its own small pool; declares the jobs' queues so that they can be enqueued. */
export async function openQueue(url: string, jobs: readonly DeclaredJob[], log: Log): Promise<Queue> {
  const boss = new PgBoss({
    connectionString: url,
    schema: 'pgboss',
    application_name: 'custom-speech-queue',
    max: 4,
    useListenNotify: true,
    // A worker that was killed is noticed by its missing heartbeat, so look often.
    superviseIntervalSeconds: 1,
    monitorIntervalSeconds: 1,
  })
  boss.on('error', (error) => log.error({ error: String(error) }, 'queue'))
  boss.on('warning', (warning) => log.debug({ warning }, 'queue'))
  await boss.start()
  for (const job of jobs) {
    await boss.createQueue(deadLetter(job.name), { notify: true })
    await boss.createQueue(job.name, {
      policy: 'exclusive',
      notify: true,
      deadLetter: deadLetter(job.name),
      retryLimit: job.interruptions,
      retryDelay: 0,
      heartbeatSeconds: 10,
      expireInSeconds: 900,
      deleteAfterSeconds: 3600,
    })
  }

  let closed: Promise<void> | undefined
  const closing = new AbortController()
  return {
    enqueue(tx, job, payload, { priority, delay }) {
      job.payload.parse(payload)
      return boss.send(job.name, payload, { singletonKey: job.key(payload), priority, startAfter: delay, db: fromDrizzle(tx, sql) })
    },

    async remove(tx, job, id) {
      await boss.deleteJob(job.name, id, { db: fromDrizzle(tx, sql) })
    },

    async work(job, parallel, handler) {
      // With notices on, a burst of jobs rings once, and retries do not ring at all: poll each second
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

    close() {
      const lettingGo = setTimeout(() => closing.abort(new Error('the process stops')), graceMs)
      closed ??= boss.stop({ graceful: true, timeout: graceMs + letGoMs }).finally(() => clearTimeout(lettingGo))
      return closed
    },
  }
}
