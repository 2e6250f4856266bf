import { sql } from 'drizzle-orm'
import { fromDrizzle, PgBoss } from 'pg-boss'
import type { ZodType } from 'zod'
import type { Log } from '../log.ts'
import type { Tx } from './client.ts'

/** A job as a contract: its name, what it carries, and how often it is tried. */
export interface Job<Payload extends object> {
  name: string
  payload: ZodType<Payload>
  /** Of two waiting or running jobs with one key, only the first is kept. */
  key: (payload: Payload) => string
  retries: number
}

/** What a queue is declared from. */
export type DeclaredJob = Pick<Job<never>, 'name' | 'retries'>

export interface Attempt {
  signal: AbortSignal
  /** True when a failure now is final. */
  isLast: boolean
}

export interface Handler<Payload> {
  run(payload: Payload, attempt: Attempt): Promise<void>
  /** Called once when every try has failed in a way that `run` itself could not record. */
  giveUp(payload: Payload): Promise<void>
}

export interface Queue {
  /** Adds the job when, and only when, the transaction commits. */
  enqueue<Payload extends object>(tx: Tx, job: Job<Payload>, payload: Payload): Promise<void>
  /** Works the job here, at most `parallel` at a time. */
  work<Payload extends object>(job: Job<Payload>, parallel: number, handler: Handler<Payload>): Promise<void>
  close(): Promise<void>
}

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
      retryLimit: job.retries,
      retryDelay: 1,
      retryBackoff: true,
      retryDelayMax: 30,
      heartbeatSeconds: 10,
      expireInSeconds: 900,
      deleteAfterSeconds: 3600,
    })
  }

  let closed: Promise<void> | undefined
  return {
    async enqueue(tx, job, payload) {
      job.payload.parse(payload)
      await boss.send(job.name, payload, { singletonKey: job.key(payload), db: fromDrizzle(tx, sql) })
    },

    async work(job, parallel, handler) {
      // With notices on, a burst of jobs rings once, and retries do not ring at all: poll each second
      // as well, and look again after every job.
      const polling = { pollingIntervalSeconds: 1, notifyPollingIntervalSeconds: 1 }
      for (let slot = 0; slot < parallel; slot++) {
        const worker: string = await boss.work<object>(job.name, { ...polling, heartbeatRefreshSeconds: 3 }, async ([taken]) => {
          if (!taken) return
          try {
            const isLast = taken.retryCount >= job.retries
            await handler.run(job.payload.parse(taken.data), { signal: taken.signal, isLast })
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
      closed ??= boss.stop({ graceful: true, timeout: 5000 })
      return closed
    },
  }
}
