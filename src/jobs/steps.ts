import type { Service } from '../domain/context.ts'
import { ProvisioningFailure } from '../domain/failure.ts'
import { failDeployment, failTry, holdsClaim } from '../domain/provisioning.ts'
import { type Change, type Claim, deploymentTopic, recordChange } from '../domain/status.ts'
import type { Stage } from '../postgres/tables.ts'
import { ModelUnusableError, RecognizerCrashedError, RecognizersBusyError } from '../recognition/recognizer.ts'

/** Where each stage begins on the way from 0 to 1; fetching and loading take the time. */
const stageBegins: Record<Stage, number> = { RESOLVING: 0, FETCHING: 0.05, BUILDING: 0.45, LOADING: 0.5, VERIFYING: 0.8 }
/** Progress within a stage is told this often at most. */
const progressIntervalMs = 250

/** Tells how one worker's run goes on, and ends it when nobody wants it any more. */
export class Steps {
  /** Aborts when the work is no longer wanted, or no longer ours to do. */
  readonly signal: AbortSignal
  readonly #service: Service
  readonly #claim: Claim
  readonly #failedBefore: number
  readonly #unwanted = new AbortController()
  readonly #unwatch: () => void
  readonly #interrupted: AbortSignal
  #stage: Stage = 'RESOLVING'
  #told = 0
  #isTelling = false
  #progress = 0
  #telling: Promise<unknown> = Promise.resolve()

  constructor(service: Service, claim: Claim, failedBefore: number, interrupted: AbortSignal) {
    this.#service = service
    this.#claim = claim
    this.#failedBefore = failedBefore
    this.#interrupted = interrupted
    this.signal = AbortSignal.any([interrupted, this.#unwanted.signal])
    // Canceling, deleting and taking over ring this deployment's watchers, and we are one: the work ends within the stage.
    this.#unwatch = service.store.events.watch(deploymentTopic(claim.deploymentId), () => void this.#checkWanted())
  }

  /** Waits for what is still being told, so that nothing is told of a run that has ended. */
  async close() {
    this.#unwatch()
    await this.#telling
  }

  async #checkWanted() {
    // While Postgres is away nobody knows; the work goes on, and its next change will tell.
    const isOurs = await holdsClaim(this.#service, this.#claim).catch(() => true)
    if (!isOurs) this.#unwanted.abort(new Unwanted())
  }

  async enter(stage: Stage, message: string) {
    await this.#telling
    this.#stage = stage
    this.#progress = 0
    await this.record({ status: 'PROVISIONING', stage, message, progress: stageBegins[stage] })
  }

  /** Progress within the stage, 0 to 1; told a few times a second however often it changes, and not at all when it does not. */
  tell(progress: number, message: string) {
    const now = performance.now()
    if (progress === this.#progress || this.#isTelling || now - this.#told < progressIntervalMs || this.signal.aborted) return
    this.#told = now
    this.#progress = progress
    const begins = stageBegins[this.#stage]
    const ends = Object.values(stageBegins).find((other) => other > begins) ?? 1
    const change: Change = { status: 'PROVISIONING', stage: this.#stage, message, progress: begins + (ends - begins) * Math.min(1, progress) }
    // What comes while this is being written is left out: the next one tells more.
    this.#isTelling = true
    this.#telling = this.record(change)
      .catch(() => {})
      .finally(() => {
        this.#isTelling = false
      })
  }

  async record(change: Change) {
    const recorded = await recordChange(this.#service.store.db, this.#claim, change)
    if (!recorded) this.#unwanted.abort(new Unwanted())
    this.signal.throwIfAborted()
  }

  /** Ends the deployment when its failure lasts, else sees to another try; throws when another worker shall go on. */
  async fail(error: unknown) {
    if (this.#unwanted.signal.aborted || error instanceof Unwanted) return
    await this.#telling
    if (this.#interrupted.aborted) throw error
    const { isLasting, ...failure } = describe(error)
    if (failure.code === 'INTERNAL')
      this.#service.log.error(
        { deploymentId: this.#claim.deploymentId, stage: this.#stage, error: error instanceof Error ? error.stack : String(error) },
        'provisioning failed',
      )
    const problem = { stage: this.#stage, ...failure }
    if (isLasting) await failDeployment(this.#service, this.#claim, problem)
    else await failTry(this.#service, this.#claim, this.#failedBefore, problem)
  }
}

/** The deployment was canceled, deleted or finished, or another worker has taken it over. */
export class Unwanted extends Error {}

function describe(error: unknown): { code: string; message: string; isLasting: boolean } {
  if (error instanceof ProvisioningFailure) return { code: error.code, message: error.message, isLasting: error.isLasting }
  if (error instanceof RecognizerCrashedError) return { code: 'RECOGNIZER_CRASHED', message: error.message, isLasting: false }
  if (error instanceof RecognizersBusyError) return { code: 'RECOGNIZERS_BUSY', message: error.message, isLasting: false }
  if (error instanceof ModelUnusableError) return { code: 'MODEL_UNUSABLE', message: `The model cannot be loaded: ${error.message}`, isLasting: true }
  return {
    code: 'INTERNAL',
    message: 'Something went wrong on the server. Try the deployment again; if it fails again, look at the log of the server.',
    isLasting: false,
  }
}
