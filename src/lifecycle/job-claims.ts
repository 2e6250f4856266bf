import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { and, eq, sql } from 'drizzle-orm'
import type { Tx } from '../postgres/client.ts'
import type { Job } from '../postgres/queue.ts'
import type { Store } from '../postgres/store.ts'
import type { ClaimOn, Lifecycle, WorkedChange, WorkedRow } from './lifecycle.ts'
import { type Deadlines, type JobQueue, newQueuePosition } from './queue-position.ts'
import { changeWorkspace } from './workspace-lock.ts'

/** The tries of an attempt. The pause between them, in seconds, doubles each time. */
const maxTries = 5
const firstPause = 1
/** The number of crashed processes that ends an attempt, since another try could crash the next server. */
const maxDeaths = 2
/** The release of a claim is tried this often while Postgres is unavailable, with a pause between tries. */
const maxLetGoTries = 300
const letGoPauseMs = 2_000

/** The id of this process in the rows that its workers hold. */
const processId = randomUUID()

/** The row of a job, its attempt, and the number of earlier failures of the attempt. */
export type PayloadOf<Key extends string> = Record<Key, string> & { workspaceId: string; attempt: number; failedTries: number }

interface QueuedRow extends WorkedRow {
  queueRank: number
  jobId: string | null
}

/** The failure of a stage, in words for the user. */
type ClaimProblem<Row extends WorkedRow> = NonNullable<Row['failure']> & { message: string; stage: NonNullable<Row['stage']> }

interface Queueing {
  store: Pick<Store, 'db' | 'queue'>
}

/** Queues the rows of one kind, claims them for workers, retries them, and ends their work. */
export function createJobClaims<Key extends string, Row extends QueuedRow, Change extends WorkedChange<Row>>(
  key: Key,
  jobQueue: JobQueue,
  lifecycle: Lifecycle<Key, Row, Change>,
  jobOf: (row: Row) => Job<PayloadOf<Key>>,
) {
  const { table } = jobQueue
  const { isTerminal } = lifecycle

  /** Enqueues the job of the row, with the id that the row has stored; the delay is in seconds. */
  async function enqueue(tx: Tx, { store }: Queueing, row: Row, delay = 0): Promise<void> {
    const { id, workspaceId, attempt, failedTries, queueRank, jobId } = row
    if (!jobId) throw new Error('A row without the id of its job cannot be enqueued.')
    const payload = { [key]: id, workspaceId, attempt, failedTries } as PayloadOf<Key>
    await store.queue.enqueue(tx, jobOf(row), payload, { id: jobId, priority: -queueRank, delay })
  }

  /** Removes the job of the row from the queue. A worker that already runs the job sees the change of the row. */
  async function withdraw(tx: Tx, { store }: Queueing, row: Row): Promise<void> {
    if (row.jobId) await store.queue.remove(tx, jobOf(row), row.jobId)
  }

  /** Ends the attempt: the row is FAILED, and its job is removed from the queue. */
  function fail(service: Queueing, claim: ClaimOn<Key>, failure: ClaimProblem<Row>): Promise<Row | undefined> {
    return lifecycle.recordChange(service.store.db, claim, failed(failure), (tx, row) => withdraw(tx, service, row))
  }

  const failed = (failure: ClaimProblem<Row>) => ({ status: 'FAILED', message: failure.message, failure }) as unknown as Change

  return {
    enqueue,
    withdraw,
    fail,

    /** The columns with the queue position of a row that is new or retried. */
    newPosition: (service: Deadlines, newcomer: Parameters<typeof newQueuePosition>[2]) => newQueuePosition(jobQueue, service, newcomer),

    /**
     * Claims the row for one worker. Earlier claims are void from then on. Returns undefined when the work is no longer
     * needed. A row that another process still holds shows that this process crashed. The second crash ends the attempt.
     */
    claim({ store }: Queueing, payload: PayloadOf<Key>): Promise<(ClaimOn<Key> & { run: number }) | undefined> {
      return changeWorkspace(store.db, payload.workspaceId, async (tx) => {
        const row = await lifecycle.findClaimed(tx, payload)
        if (!row || isTerminal(row.status)) return undefined
        const isOrphan = row.heldBy !== null && row.heldBy !== processId
        const deadRuns = isOrphan ? [...row.deadRuns, row.run] : row.deadRuns
        if (deadRuns.length >= maxDeaths) {
          const ended = await lifecycle.applyChange(tx, row, failed(diedTwice(row.stage ?? jobQueue.firstStage)), { deadRuns, heldBy: null } as Partial<Row>)
          await withdraw(tx, { store }, ended)
          return undefined
        }
        const run = row.run + 1
        await tx.update(table).set({ run, deadRuns, heldBy: processId }).where(eq(table.id, row.id))
        return { [key]: row.id, workspaceId: row.workspaceId, attempt: row.attempt, run } as ClaimOn<Key> & { run: number }
      })
    },

    /**
     * Records that this process survived a run that was interrupted or taken over, so that the run does not count as a
     * crash. While Postgres is unavailable, the release is tried again later.
     */
    async letGo({ store }: Queueing, claim: ClaimOn<Key> & { run: number }): Promise<void> {
      const { run, attempt } = claim
      const heldBy = sql`case when ${table.run} = ${run} then null else ${table.heldBy} end`
      const values = { heldBy, deadRuns: sql`array_remove(${table.deadRuns}, ${run})` }
      const release = () =>
        store.db
          .update(table)
          .set(values)
          .where(and(eq(table.id, claim[key]), eq(table.attempt, attempt)))
      const releaseLater = async () => {
        for (let tries = 1; tries < maxLetGoTries; tries++) {
          await delay(letGoPauseMs, undefined, { ref: false })
          if (await release().then(Boolean, () => false)) return
        }
      }
      await release().catch(() => void releaseLater())
    },

    /** True while the claim is the newest and the row is not terminal. */
    async holds({ store }: Queueing, claim: ClaimOn<Key>): Promise<boolean> {
      const [row] = await store.db.select().from(table).where(eq(table.id, claim[key]))
      return row?.attempt === claim.attempt && row.run === claim.run && !isTerminal(row.status)
    },

    /**
     * Tries again after a pause when tries are left; otherwise ends the attempt. With `isDeath`, a process of the job
     * crashed, which counts as a crash of the worker.
     */
    async failTry(service: Queueing, claim: ClaimOn<Key> & { run: number }, failedBefore: number, failure: ClaimProblem<Row>, isDeath = false): Promise<void> {
      const failedTries = failedBefore + 1
      if (failedTries >= maxTries) {
        await fail(service, claim, failure)
        return
      }
      const pause = firstPause * 2 ** failedBefore
      await changeWorkspace(service.store.db, claim.workspaceId, async (tx) => {
        const before = await lifecycle.findClaimed(tx, claim)
        if (!before || isTerminal(before.status)) return
        const deadRuns = isDeath ? [...before.deadRuns, claim.run] : before.deadRuns
        const more = { failedTries, heldBy: null, deadRuns } as Partial<Row>
        if (deadRuns.length >= maxDeaths) {
          const ended = await lifecycle.applyChange(tx, before, failed(diedTwice(failure.stage, failure.message)), more)
          return withdraw(tx, service, ended)
        }
        const message = `Try ${failedTries} of ${maxTries} failed. The next try is in ${pause} s. ${failure.message}`
        const change = { status: jobQueue.atWork, stage: failure.stage, message } as unknown as Change
        const row = await lifecycle.applyChange(tx, before, change, { ...more, jobId: randomUUID() })
        await enqueue(tx, service, row, pause)
      })
    },
  }

  function diedTwice(stage: string, reason = ''): ClaimProblem<Row> {
    const message = `A process of this job crashed for the second time, so the job is not repeated. ${reason} Read the log of the server: the files can be damaged, or need more memory than the machine has. Then retry.`
    return { stage, code: 'PROCESS_DIED_TWICE', message: message.replace('  ', ' ') } as unknown as ClaimProblem<Row>
  }
}
