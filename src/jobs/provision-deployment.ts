import { readFile } from 'node:fs/promises'
import type { Artifacts, ModelFiles } from '../artifacts/store.ts'
import { explainIncompatibility } from '../domain/compatibility.ts'
import type { Service } from '../domain/context.ts'
import { defaultMode, endpointOf, findDeploymentToProvision, type ServedDeployment } from '../domain/endpoint.ts'
import { ProvisioningFailure } from '../domain/failure.ts'
import { type Change, deploymentTopic, isTerminal, recordChange } from '../domain/status.ts'
import type { Tokens } from '../domain/token.ts'
import type { Attempt, Handler } from '../postgres/queue.ts'
import type { Evidence, Stage } from '../postgres/tables.ts'
import { openLanguageModel } from '../recognition/language-model.ts'
import { ModelUnusableError, RecognizerCrashedError, type Recognizers } from '../recognition/recognizer.ts'
import { toRecognizerModel } from '../recognition/serving.ts'
import { countWordErrors, wordErrorRate } from '../recognition/word-errors.ts'

export interface Provisioning extends Service {
  tokens: Tokens
  artifacts: Artifacts
  recognizers: Recognizers
}

/** Where each stage begins on the way from 0 to 1; fetching and loading take the time. */
const stageBegins: Record<Stage, number> = { RESOLVING: 0, FETCHING: 0.05, BUILDING: 0.45, LOADING: 0.5, VERIFYING: 0.8 }
/** Progress within a stage is told this often at most. */
const progressIntervalMs = 250
/** A quarter of the reference's words may be lost to a custom model's own habits; a broken model loses more. */
const worstWordErrorRate = 0.25
const verificationMs = 60_000

//   QUEUED ─▶ RESOLVING ─▶ FETCHING ─▶ BUILDING ─▶ LOADING ─▶ VERIFYING ─▶ COMPLETE
//                 └────────────┴───────────┴──────────┴───────────┴──────▶ FAILED, with the stage's name
// Every stage may run twice: a job that was interrupted begins again at the first.
export function provisionDeploymentHandler(service: Provisioning): Handler<{ deploymentId: string; attempt: number }> {
  return {
    async run({ deploymentId, attempt }, taken) {
      const steps = new Steps(service, deploymentId, attempt, taken)
      try {
        await provision(service, steps, deploymentId)
      } catch (error) {
        await steps.fail(error)
      } finally {
        steps.close()
      }
    },
    async giveUp({ deploymentId, attempt }) {
      const served = await findDeploymentToProvision(service, deploymentId)
      await recordChange(service.store.db, deploymentId, attempt, {
        status: 'FAILED',
        message: 'Provisioning was interrupted too often.',
        failure: {
          stage: served?.deployment.stage ?? 'RESOLVING',
          code: 'PROVISIONING_INTERRUPTED',
          message:
            'Provisioning was interrupted too often and has been given up. Create the deployment again; if it fails again, look at the log of the server.',
        },
      })
    },
  }
}

async function provision(service: Provisioning, steps: Steps, deploymentId: string) {
  await steps.enter('RESOLVING', 'Looking up the models.')
  const served = await resolveModels(service, deploymentId)

  await steps.enter('FETCHING', 'Fetching and checking the model files.')
  const [acoustic, language] = await fetchFiles(service, steps, served)

  await steps.enter('BUILDING', 'Compiling the language model.')
  await openLanguageModel(language.writing ?? '')

  await steps.enter('LOADING', 'Loading the models into a recognizer.')
  await service.recognizers.load(toRecognizerModel(acoustic, language), steps.signal)

  await steps.enter('VERIFYING', 'Trying the endpoint with a reference recording.')
  const evidence = await verifyEndpoint(service, served, steps.signal)

  await steps.record({ status: 'COMPLETE', message: `Complete: the endpoint answered in ${evidence.latencyMs} ms.`, progress: 1, evidence })
}

async function resolveModels(service: Provisioning, deploymentId: string): Promise<ServedDeployment> {
  const served = await findDeploymentToProvision(service, deploymentId)
  if (!served) throw new Unwanted()
  const { deployment, acousticModel, languageModel } = served
  for (const model of [acousticModel, languageModel]) {
    if (model.retiredAt)
      throw new ProvisioningFailure(
        'MODEL_RETIRED',
        `The ${model.kind.toLowerCase()} model "${model.name}" is no longer offered. Create a deployment with another one.`,
        { isLasting: true },
      )
  }
  const incompatibility = explainIncompatibility(deployment.locale, acousticModel, languageModel)
  if (incompatibility) throw new ProvisioningFailure('MODELS_INCOMPATIBLE', incompatibility.message, { isLasting: true })
  return served
}

async function fetchFiles({ artifacts }: Provisioning, steps: Steps, { acousticModel, languageModel }: ServedDeployment): Promise<[ModelFiles, ModelFiles]> {
  const total = [...acousticModel.files, ...languageModel.files].reduce((sum, file) => sum + file.size, 0)
  let done = 0
  const options = {
    signal: steps.signal,
    onBytes(bytes: number) {
      done += bytes
      steps.tell(done / total, `Checked ${megabytes(done)} of ${megabytes(total)} MB.`)
    },
  }
  return [await artifacts.fetch(acousticModel, options), await artifacts.fetch(languageModel, options)]
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)

/** Calls the URL that users will call, as they will call it, and compares what comes back. */
async function verifyEndpoint(service: Provisioning, { deployment, acousticModel }: ServedDeployment, signal: AbortSignal): Promise<Evidence> {
  const reference = service.catalog.references.get(deployment.locale)
  if (!reference) throw new ProvisioningFailure('REFERENCE_MISSING', `The catalog has no reference recording for ${deployment.locale}.`, { isLasting: true })
  const audio = await readFile(reference.audioFile)
  const url = endpointOf(service, deployment.id, defaultMode[acousticModel.scenario]).httpUrl
  const token = service.tokens.issue({ workspaceId: deployment.workspaceId, deploymentId: deployment.id, expiresAt: Date.now() + 2 * verificationMs })
  const started = performance.now()
  const response = await fetch(url, {
    method: 'POST',
    body: audio,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'audio/wav' },
    signal: AbortSignal.any([signal, AbortSignal.timeout(verificationMs)]),
  }).catch((cause) => {
    throw new ProvisioningFailure(
      'ENDPOINT_UNREACHABLE',
      `The endpoint's own URL does not answer: ${url}. Check PUBLIC_URL and that a process with the role speech is running.`,
      { isLasting: false, cause },
    )
  })
  const answer = (await response.json().catch(() => ({}))) as { DisplayText?: string; detail?: string }
  const latencyMs = Math.round(performance.now() - started)
  if (!response.ok) {
    throw new ProvisioningFailure(
      'VERIFICATION_REFUSED',
      `The endpoint answered the reference recording with ${response.status}: ${answer.detail ?? 'no reason given'}`,
      { isLasting: false },
    )
  }
  const transcript = answer.DisplayText ?? ''
  if (wordErrorRate([countWordErrors(reference.text, transcript)]) > worstWordErrorRate) {
    throw new ProvisioningFailure(
      'TRANSCRIPT_WRONG',
      `The endpoint heard "${transcript}" where the reference recording says "${reference.text}". The model's files may be damaged or mixed up.`,
      { isLasting: true },
    )
  }
  return { url, referenceText: reference.text, transcript, latencyMs, audioMs: Math.round((audio.length - 44) / 32), verifiedAt: new Date().toISOString() }
}

/** Tells how the work goes on, and ends it when nobody wants it any more. */
class Steps {
  readonly signal: AbortSignal
  readonly #service: Provisioning
  readonly #deploymentId: string
  readonly #attempt: number
  readonly #taken: Attempt
  readonly #unwanted = new AbortController()
  readonly #unwatch: () => void
  #stage: Stage = 'RESOLVING'
  #told = 0
  #telling: Promise<unknown> = Promise.resolve()

  constructor(service: Provisioning, deploymentId: string, attempt: number, taken: Attempt) {
    this.#service = service
    this.#deploymentId = deploymentId
    this.#attempt = attempt
    this.#taken = taken
    this.signal = AbortSignal.any([taken.signal, this.#unwanted.signal])
    // Canceling and deleting ring this deployment's watchers, and we are one: the work ends within the stage.
    this.#unwatch = service.store.events.watch(deploymentTopic(deploymentId), () => void this.#checkWanted())
  }

  close() {
    this.#unwatch()
  }

  async #checkWanted() {
    const served = await findDeploymentToProvision(this.#service, this.#deploymentId).catch(() => 'unknown' as const)
    // While Postgres is away nobody knows; the work goes on, and its next change will tell.
    if (served === 'unknown') return
    const isWanted = served?.deployment.attempt === this.#attempt && !isTerminal(served.deployment.status)
    if (!isWanted) this.#unwanted.abort(new Unwanted())
  }

  async enter(stage: Stage, message: string) {
    await this.#telling
    this.#stage = stage
    await this.record({ status: 'PROVISIONING', stage, message, progress: stageBegins[stage] })
  }

  /** Progress within the stage, 0 to 1; told a few times a second however often it changes. */
  tell(progress: number, message: string) {
    const now = performance.now()
    if (now - this.#told < progressIntervalMs || this.signal.aborted) return
    this.#told = now
    const begins = stageBegins[this.#stage]
    const ends = Object.values(stageBegins).find((other) => other > begins) ?? 1
    const change: Change = { status: 'PROVISIONING', stage: this.#stage, message, progress: begins + (ends - begins) * Math.min(1, progress) }
    this.#telling = this.#telling.then(() => this.record(change)).catch(() => {})
  }

  async record(change: Change) {
    const recorded = await recordChange(this.#service.store.db, this.#deploymentId, this.#attempt, change)
    if (!recorded) this.#unwanted.abort(new Unwanted())
    this.signal.throwIfAborted()
  }

  /** Ends the deployment when its failure lasts or no try is left; else lets the job be tried again. */
  async fail(error: unknown) {
    if (this.#unwanted.signal.aborted || error instanceof Unwanted) return
    await this.#telling
    const failure = describe(error)
    if (failure.code === 'INTERNAL')
      this.#service.log.error(
        { deploymentId: this.#deploymentId, stage: this.#stage, error: error instanceof Error ? error.stack : String(error) },
        'provisioning failed',
      )
    if (this.#taken.signal.aborted || !(failure.isLasting || this.#taken.isLast)) throw error
    await recordChange(this.#service.store.db, this.#deploymentId, this.#attempt, {
      status: 'FAILED',
      message: failure.message,
      failure: { stage: this.#stage, code: failure.code, message: failure.message },
    })
  }
}

/** The deployment was canceled, deleted or finished by another worker. */
class Unwanted extends Error {}

function describe(error: unknown): { code: string; message: string; isLasting: boolean } {
  if (error instanceof ProvisioningFailure) return error
  if (error instanceof RecognizerCrashedError) return { code: 'RECOGNIZER_CRASHED', message: error.message, isLasting: false }
  if (error instanceof ModelUnusableError) return { code: 'MODEL_UNUSABLE', message: `The model cannot be loaded: ${error.message}`, isLasting: true }
  return {
    code: 'INTERNAL',
    message: 'Something went wrong on the server. Create the deployment again; if it fails again, look at the log of the server.',
    isLasting: false,
  }
}
