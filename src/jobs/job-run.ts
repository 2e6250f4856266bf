import { ModelUnusableError } from '../decoding/recognizer-model.ts'
import type { Measures } from '../domain/context.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { Log } from '../log.ts'
import type { Events } from '../postgres/events.ts'
import { explainUnavailable } from '../postgres/unavailable.ts'
import { RecognizerCrashedError, RecognizersBusyError } from '../recognition/recognizer-errors.ts'
import { TaskEndedError } from '../sandbox/task.ts'
import { withoutPaths } from '../sandbox/without-paths.ts'

/** The minimum time between reports of progress within a stage. */
const progressIntervalMs = 250

interface RunProblem<Stage> {
  stage: Stage
  code: string
  message: string
  problems?: string[]
}

/** The row of a run, under the claim of one worker. */
export interface RunRecord<Stage extends string, Change> {
  /** The topic of changes of the row. */
  topic: string
  /** The stages, each with its progress at the beginning, 0 to 1. */
  stageBegins: Partial<Record<Stage, number>>
  /** The change that records a step of the run. */
  toStep(step: { stage: Stage; message: string; progress: number }): Change
  /** Undefined when the claim is void. */
  record(change: Change): Promise<object | undefined>
  holds(): Promise<boolean>
  fail(problem: RunProblem<Stage>): Promise<unknown>
  /** `isDeath` is true when a process of the job crashed. */
  failTry(problem: RunProblem<Stage>, isDeath: boolean): Promise<unknown>
  /** Releases the claim. */
  letGo(): Promise<unknown>
}

/** Records the progress of one run, and ends the run when the row no longer needs it. */
export class JobRun<Stage extends string, Change> {
  /** Aborts when the row no longer needs the run, or when another worker has claimed the row. */
  readonly signal: AbortSignal
  readonly #runRecord: RunRecord<Stage, Change>
  readonly #log: Log
  readonly #unwanted = new AbortController()
  readonly #unwatch: () => void
  readonly #interrupted: AbortSignal
  #stage: Stage
  #reportedAt = 0
  #isReporting = false
  #progress = 0
  /** The stage whose duration is measured. */
  #measured: { stage: Stage; began: number } | undefined
  readonly #measures: Measures | undefined
  #reporting: Promise<unknown> = Promise.resolve()

  constructor(runRecord: RunRecord<Stage, Change>, { events, log, measures }: { events: Events; log: Log; measures?: Measures }, interrupted: AbortSignal) {
    this.#runRecord = runRecord
    this.#log = log
    this.#measures = measures
    this.#stage = Object.keys(runRecord.stageBegins)[0] as Stage
    this.#interrupted = interrupted
    this.signal = AbortSignal.any([interrupted, this.#unwanted.signal])
    // A process that stops releases its claim at once, so that the run does not count as a crash.
    interrupted.addEventListener('abort', this.#letGo, { once: true })
    // Canceling, deleting and claiming the row notify its topic, so the run can end within a stage.
    this.#unwatch = events.watch(runRecord.topic, () => void this.#checkWanted())
  }

  /** Waits for the last report, so that none follows the end of the run. */
  async close() {
    this.#unwatch()
    this.#interrupted.removeEventListener('abort', this.#letGo)
    this.#measure()
    await this.#reporting
  }

  /** Ends the measurement of the present stage. */
  #measure() {
    if (this.#measured)
      this.#measures?.stage(this.#runRecord.topic.split(':')[0] ?? '', this.#measured.stage, (performance.now() - this.#measured.began) / 1000)
    this.#measured = undefined
  }

  readonly #letGo = () => void this.#runRecord.letGo()

  async #checkWanted() {
    // While Postgres is unavailable, the run continues. Its next change finds out.
    const isOurs = await this.#runRecord.holds().catch(() => true)
    if (!isOurs) this.#unwanted.abort(new RunEndedError())
  }

  async enter(stage: Stage, message: string) {
    await this.#reporting
    this.#measure()
    this.#measured = { stage, began: performance.now() }
    this.#stage = stage
    this.#progress = 0
    await this.record(this.#runRecord.toStep({ stage, message, progress: this.#begins(stage) }))
  }

  /** Reports progress within the stage, 0 to 1. Records at most four reports a second, and none without a change. */
  tell(progress: number, message: string) {
    const now = performance.now()
    if (progress === this.#progress || this.#isReporting || now - this.#reportedAt < progressIntervalMs || this.signal.aborted) return
    this.#reportedAt = now
    this.#progress = progress
    const begins = this.#begins(this.#stage)
    const ends = Object.values<number>(this.#runRecord.stageBegins as Record<Stage, number>).find((other) => other > begins) ?? 1
    const change = this.#runRecord.toStep({ stage: this.#stage, message, progress: begins + (ends - begins) * Math.min(1, progress) })
    // Reports during the write are dropped, since the next one has newer progress.
    this.#isReporting = true
    this.#reporting = this.record(change)
      .catch(() => {})
      .finally(() => {
        this.#isReporting = false
      })
  }

  async record(change: Change) {
    const recorded = await this.#runRecord.record(change)
    if (!recorded) this.#unwanted.abort(new RunEndedError())
    this.signal.throwIfAborted()
  }

  /** Ends the attempt after a lasting failure, otherwise enqueues another try. Throws when another worker must continue. */
  async fail(error: unknown) {
    if (this.#unwanted.signal.aborted || error instanceof RunEndedError) return void (await this.#runRecord.letGo())
    await this.#reporting
    if (this.#interrupted.aborted) {
      await this.#runRecord.letGo()
      throw error
    }
    const { isLasting, ...failure } = describeFailure(error)
    try {
      await this.#record(error, { stage: this.#stage, ...failure }, isLasting)
    } catch (unrecorded) {
      await this.#runRecord.letGo()
      throw unrecorded
    }
  }

  async #record(error: unknown, problem: RunProblem<Stage>, isLasting: boolean) {
    if (problem.code === 'INTERNAL') this.#log.error({ topic: this.#runRecord.topic, stage: problem.stage, error }, 'a job failed')
    if (error instanceof TaskEndedError)
      this.#log.warn({ topic: this.#runRecord.topic, stage: problem.stage, reason: error.message, lastWords: error.lastWords }, 'the process of a job ended')
    if (isLasting) await this.#runRecord.fail(problem)
    else await this.#runRecord.failTry(problem, error instanceof TaskEndedError)
  }

  #begins(stage: Stage): number {
    return this.#runRecord.stageBegins[stage] ?? 0
  }
}

/** The row was canceled, deleted or finished, or another worker has claimed it. */
export class RunEndedError extends Error {}

/** The failure in words, and whether another try is useless. */
export function describeFailure(error: unknown): { code: string; message: string; isLasting: boolean; problems?: string[] } {
  const unavailable = explainUnavailable(error)
  if (unavailable) return { ...unavailable, isLasting: false }
  if (error instanceof JobFailure) {
    const { code, message, isLasting, problems } = error
    return { code, message, isLasting, ...(problems.length && { problems: problems.map(withoutPaths) }) }
  }
  if (error instanceof RecognizerCrashedError) return { code: 'RECOGNIZER_CRASHED', message: error.message, isLasting: false }
  if (error instanceof TaskEndedError) return { code: 'PROCESS_ENDED', message: `The process of this stage crashed (${error.message}).`, isLasting: false }
  if (error instanceof RecognizersBusyError) return { code: 'RECOGNIZERS_BUSY', message: error.message, isLasting: false }
  if (error instanceof ModelUnusableError) return { code: 'MODEL_UNUSABLE', message: `The model cannot be loaded: ${error.message}`, isLasting: true }
  return {
    code: 'INTERNAL',
    message: 'An unexpected error occurred on the server. Retry. If the job fails again, read the log of the server.',
    isLasting: false,
  }
}
