import type { Service } from '../domain/context.ts'
import type { createJobClaims, PayloadOf } from '../lifecycle/job-claims.ts'
import type { ClaimOn, Lifecycle, WorkedChange, WorkedRow } from '../lifecycle/lifecycle.ts'
import type { Tx } from '../postgres/client.ts'
import type { Handler } from '../postgres/queue.ts'
import { JobRun, type RunRecord } from './job-run.ts'

type Claimed<Key extends string> = ClaimOn<Key> & { run: number }
type Claims<Key extends string, Row extends WorkedRow & { queueRank: number; jobId: string | null }, Change extends WorkedChange<Row>> = ReturnType<
  typeof createJobClaims<Key, Row, Change>
>

/** What the changes of a claimed row need: the kind of the row, and the stages of its job. */
interface RecordedJob<
  Key extends string,
  Row extends WorkedRow & { queueRank: number; jobId: string | null },
  Change extends WorkedChange<Row>,
  Stage extends string,
> {
  key: Key
  claims: Claims<Key, Row, Change>
  lifecycle: Lifecycle<Key, Row, Change>
  topicOf(id: string): string
  /** The status of a row in work. */
  atWork: Row['status']
  stageBegins: Partial<Record<Stage, number>>
  /** Further writes of the transaction that records a change. */
  also?(tx: Tx, row: Row, change: Change): Promise<unknown>
}

interface ClaimedJob<
  Key extends string,
  Row extends WorkedRow & { queueRank: number; jobId: string | null },
  Change extends WorkedChange<Row>,
  Stage extends string,
> extends RecordedJob<Key, Row, Change, Stage> {
  /** The failure of a row whose workers were interrupted too often. */
  interrupted: { code: string; message: string }
}

/** The changes of one claimed row. */
export function createClaimedRecord<
  Key extends string,
  Row extends WorkedRow & { queueRank: number; jobId: string | null },
  Change extends WorkedChange<Row>,
  Stage extends string,
>(service: Pick<Service, 'store'>, job: RecordedJob<Key, Row, Change, Stage>, claim: Claimed<Key>, tries: { failed: number }): RunRecord<Stage, Change> {
  const { claims, lifecycle, topicOf, atWork, key, stageBegins, also } = job
  return {
    topic: topicOf(claim[key]),
    stageBegins,
    toStep: (step) => ({ status: atWork, ...step }) as unknown as Change,
    record: (change) => lifecycle.recordChange(service.store.db, claim, change, async (tx, row) => also?.(tx, row, change)),
    holds: () => claims.holds(service, claim),
    fail: (problem) => claims.fail(service, claim, problem as never),
    failTry: (problem, isDeath) => claims.failTry(service, claim, tries.failed, problem as never, isDeath),
    letGo: () => claims.letGo(service, claim),
  }
}

/** Works on a claimed row in stages, until it is terminal or another worker continues. */
export async function runSteps<Stage extends string, Change>(
  { store, log, measures }: Service,
  record: RunRecord<Stage, Change>,
  signal: AbortSignal,
  work: (steps: JobRun<Stage, Change>) => Promise<void>,
): Promise<void> {
  const steps = new JobRun(record, { events: store.events, log, measures }, signal)
  try {
    await work(steps)
  } catch (error) {
    await steps.fail(error)
  } finally {
    await steps.close()
  }
}

/** The handler of a job: claims the row and works on it in stages, until it is terminal or another worker continues. */
export function claimedHandler<
  Key extends string,
  Row extends WorkedRow & { queueRank: number; jobId: string | null },
  Change extends WorkedChange<Row>,
  Stage extends string,
>(
  service: Service,
  job: ClaimedJob<Key, Row, Change, Stage>,
  work: (steps: JobRun<Stage, Change>, claim: Claimed<Key>, progressed: () => void) => Promise<void>,
): Handler<PayloadOf<Key>> {
  const { claims, stageBegins, interrupted } = job
  return {
    async run(payload, signal) {
      const claim = await claims.claim(service, payload)
      if (!claim) return
      const tries = { failed: payload.failedTries }
      // Failures before progress no longer count. The next try must have another number than the present one, whose job is active.
      const progressed = () => {
        tries.failed = payload.failedTries === 1 ? 1 : 0
      }
      await runSteps(service, createClaimedRecord(service, job, claim, tries), signal, (steps) => work(steps, claim, progressed))
    },
    async giveUp(payload) {
      const { [job.key]: id, workspaceId, attempt } = payload
      const stage = Object.keys(stageBegins)[0]
      await claims.fail(service, { [job.key]: id, workspaceId, attempt } as ClaimOn<Key>, { stage, ...interrupted } as never)
    },
  }
}
