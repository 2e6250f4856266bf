import { ModelUnusableError } from '../decoding/types.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { Log } from '../log.ts'
import type { Events } from '../postgres/events.ts'
import { explainUnavailable } from '../postgres/unavailable.ts'
import { RecognizerCrashedError, RecognizersBusyError } from '../recognition/types.ts'
import { TaskEndedError } from '../sandbox/task.ts'

/** Progress within a stage is told this often at most. */
const progressIntervalMs = 250

interface RunProblem<Stage> {
  stage: Stage
  code: string
  message: string
}

/** What a run writes into: a deployment or a model, held by one worker's claim. */
export interface RunRecord<Stage extends string, Change> {
  /** Where it is rung when the row changes. */
  topic: string
  /** The stages and where each begins on the way from 0 to 1. */
  stageBegins: Partial<Record<Stage, number>>
  /** The change that a step on the way is. */
  toStep(step: { stage: Stage; message: string; progress: number }): Change
  /** Undefined when the claim no longer holds. */
  record(change: Change): Promise<object | undefined>
  holds(): Promise<boolean>
  fail(problem: RunProblem<Stage>): Promise<unknown>
  /** `isDeath` says that a process ended which did the work. */
  failTry(problem: RunProblem<Stage>, isDeath: boolean): Promise<unknown>
  /** Tells that this process lives on without the claim. */
  letGo(): Promise<unknown>
}

/** Tells how one worker's run goes on, and ends it when nobody wants it any more. */
export class JobRun<Stage extends string, Change> {
  /** Aborts when the work is no longer wanted, or no longer ours to do. */
  readonly signal: AbortSignal
  readonly #runRecord: RunRecord<Stage, Change>
  readonly #log: Log
  readonly #unwanted = new AbortController()
  readonly #unwatch: () => void
  readonly #interrupted: AbortSignal
  #stage: Stage
  #told = 0
  #isTelling = false
  #progress = 0
  #telling: Promise<unknown> = Promise.resolve()

  constructor(runRecord: RunRecord<Stage, Change>, { events, log }: { events: Events; log: Log }, interrupted: AbortSignal) {
    this.#runRecord = runRecord
    this.#log = log
    this.#stage = Object.keys(runRecord.stageBegins)[0] as Stage
    this.#interrupted = interrupted
    this.signal = AbortSignal.any([interrupted, this.#unwanted.signal])
    // Canceling, deleting and taking over ring the row's watchers, and we are one: the work ends within the stage.
    // Whatever the work still waits for, a process that stops has not died of it.
    interrupted.addEventListener('abort', this.#letGo, { once: true })
    this.#unwatch = events.watch(runRecord.topic, () => void this.#checkWanted())
  }

  /** Waits for what is still being told, so that nothing is told of a run that has ended. */
  async close() {
    this.#unwatch()
    this.#interrupted.removeEventListener('abort', this.#letGo)
    await this.#telling
  }

  readonly #letGo = () => void this.#runRecord.letGo()

  async #checkWanted() {
    // While Postgres is away nobody knows; the work goes on, and its next change will tell.
    const isOurs = await this.#runRecord.holds().catch(() => true)
    if (!isOurs) this.#unwanted.abort(new RunEndedError())
  }

  async enter(stage: Stage, message: string) {
    await this.#telling
    this.#stage = stage
    this.#progress = 0
    await this.record(this.#runRecord.toStep({ stage, message, progress: this.#begins(stage) }))
  }

  /** Progress within the stage, 0 to 1; told a few times a second however often it changes, and not at all when it does not. */
  tell(progress: number, message: string) {
    const now = performance.now()
    if (progress === this.#progress || this.#isTelling || now - this.#told < progressIntervalMs || this.signal.aborted) return
    this.#told = now
    this.#progress = progress
    const begins = this.#begins(this.#stage)
    const ends = Object.values<number>(this.#runRecord.stageBegins as Record<Stage, number>).find((other) => other > begins) ?? 1
    const change = this.#runRecord.toStep({ stage: this.#stage, message, progress: begins + (ends - begins) * Math.min(1, progress) })
    // What comes while this is being written is left out: the next one tells more.
    this.#isTelling = true
    this.#telling = this.record(change)
      .catch(() => {})
      .finally(() => {
        this.#isTelling = false
      })
  }

  async record(change: Change) {
    const recorded = await this.#runRecord.record(change)
    if (!recorded) this.#unwanted.abort(new RunEndedError())
    this.signal.throwIfAborted()
  }

  /** Ends it when its failure lasts, else sees to another try; throws when another worker shall go on. */
  async fail(error: unknown) {
    if (this.#unwanted.signal.aborted || error instanceof RunEndedError) return void (await this.#runRecord.letGo())
    await this.#telling
    if (this.#interrupted.aborted) {
      await this.#runRecord.letGo()
      throw error
    }
    const { isLasting, ...failure } = describe(error)
    try {
      await this.#record(error, { stage: this.#stage, ...failure }, isLasting)
    } catch (unrecorded) {
      await this.#runRecord.letGo()
      throw unrecorded
    }
  }

  async #record(error: unknown, problem: RunProblem<Stage>, isLasting: boolean) {
    if (problem.code === 'INTERNAL')
      this.#log.error({ topic: this.#runRecord.topic, stage: problem.stage, error: error instanceof Error ? error.stack : String(error) }, 'a job failed')
    if (error instanceof TaskEndedError)
      this.#log.warn({ topic: this.#runRecord.topic, stage: problem.stage, reason: error.message, lastWords: error.lastWords }, 'the process of a job ended')
    if (isLasting) await this.#runRecord.fail(problem)
    else await this.#runRecord.failTry(problem, error instanceof TaskEndedError)
  }

  #begins(stage: Stage): number {
    return this.#runRecord.stageBegins[stage] ?? 0
  }
}

/** It was canceled, deleted or finished, or another worker has taken it over. */
export class RunEndedError extends Error {}

function describe(error: unknown): { code: string; message: string; isLasting: boolean } {
  const unavailable = explainUnavailable(error)
  if (unavailable) return { ...unavailable, isLasting: false }
  if (error instanceof JobFailure) return { code: error.code, message: error.message, isLasting: error.isLasting }
  if (error instanceof RecognizerCrashedError) return { code: 'RECOGNIZER_CRASHED', message: error.message, isLasting: false }
  if (error instanceof TaskEndedError)
    return { code: 'PROCESS_ENDED', message: `The process that did this step ended before it was done (${error.message}).`, isLasting: false }
  if (error instanceof RecognizersBusyError) return { code: 'RECOGNIZERS_BUSY', message: error.message, isLasting: false }
  if (error instanceof ModelUnusableError) return { code: 'MODEL_UNUSABLE', message: `The model cannot be loaded: ${error.message}`, isLasting: true }
  return { code: 'INTERNAL', message: 'Something went wrong on the server. Try it again; if it fails again, look at the log of the server.', isLasting: false }
}
