import type { Artifacts, ModelFiles } from '../artifacts/store.ts'
import { openWritingRules } from '../decoding/writing-rules.ts'
import { explainIncompatibility } from '../domain/compatibility.ts'
import { type DeploymentChange, type DeploymentClaim, deploymentTopic, provisioning, recordChange } from '../domain/deployment-lifecycle.ts'
import { findDeploymentToProvision, type ServedDeployment } from '../domain/endpoint.ts'
import type { ProvisioningPayload } from '../lifecycle/job-definitions.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { Stage } from '../postgres/deployment-tables.ts'
import type { Handler } from '../postgres/queue.ts'
import { toRecognizerModel } from '../recognition/model-files.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'
import { checkWords } from '../recognition/word-files.ts'
import { JobRun, RunEndedError, type RunRecord } from './job-run.ts'
import { type Verifier, verifyEndpoint } from './verify-endpoint.ts'

export interface Provisioning extends Verifier {
  artifacts: Artifacts
  recognizers: Recognizers
}

//   QUEUED ─▶ RESOLVING ─▶ FETCHING ─▶ BUILDING ─▶ LOADING ─▶ VERIFYING ─▶ COMPLETE
//                 ▲ └──────────┴───────────┴──────────┴───────────┴──────▶ FAILED, with the stage's name
//                 └── after a pause, when the failure is temporary and tries are left; or at once in another
//                     worker, when this one crashes or stops: every stage can run twice
export function provisionDeploymentHandler(service: Provisioning): Handler<ProvisioningPayload> {
  return {
    async run(payload, signal) {
      const claim = await provisioning.claim(service, payload)
      if (!claim) return
      const { log, measures } = service
      const steps = new JobRun(createRunRecord(service, claim, payload.failedTries), { events: service.store.events, log, measures }, signal)
      try {
        await provision(service, steps, payload.deploymentId)
      } catch (error) {
        await steps.fail(error)
      } finally {
        await steps.close()
      }
    },
    async giveUp(payload) {
      const served = await findDeploymentToProvision(service, payload.deploymentId)
      await provisioning.fail(service, payload, {
        stage: served?.deployment.stage ?? 'RESOLVING',
        code: 'PROVISIONING_INTERRUPTED',
        message: 'The workers of this job were interrupted too often. Retry the deployment. If it fails again, read the log of the server.',
      })
    },
  }
}

type ProvisioningSteps = JobRun<Stage, DeploymentChange>

/** Fetching and loading take most of the time. */
const stageBegins: Record<Stage, number> = { RESOLVING: 0, FETCHING: 0.05, BUILDING: 0.45, LOADING: 0.5, VERIFYING: 0.8 }

const createRunRecord = (service: Provisioning, claim: DeploymentClaim & { run: number }, failedBefore: number): RunRecord<Stage, DeploymentChange> => ({
  topic: deploymentTopic(claim.deploymentId),
  stageBegins,
  toStep: (step) => ({ status: 'PROVISIONING', ...step }),
  record: (change) => recordChange(service.store.db, claim, change),
  holds: () => provisioning.holds(service, claim),
  fail: (problem) => provisioning.fail(service, claim, problem),
  failTry: (problem, isDeath) => provisioning.failTry(service, claim, failedBefore, problem, isDeath),
  letGo: () => provisioning.letGo(service, claim),
})

async function provision(service: Provisioning, steps: ProvisioningSteps, deploymentId: string) {
  await steps.enter('RESOLVING', 'Looking up the models.')
  const served = await resolveModels(service, deploymentId)

  await steps.enter('FETCHING', 'Fetching and checking the model files.')
  const [acoustic, language] = await fetchFiles(service, steps, served)

  await steps.enter('BUILDING', 'Compiling the language model.')
  await openWritingRules(language.writing ?? '')
  if (language.words) await checkWords(language.words, steps.signal)

  await steps.enter('LOADING', 'Loading the models into a recognizer.')
  const model = toRecognizerModel(acoustic, language)
  await service.recognizers.load(model, steps.signal)

  await steps.enter('VERIFYING', 'Testing the endpoint with a reference recording.')
  const evidence = await verifyEndpoint(service, served, {
    signal: steps.signal,
    waiting: (share, message) => steps.tell(share, message),
    isAtOnce: hasTwoFree(service.recognizers, model.id),
  })

  await steps.record({ status: 'COMPLETE', message: `Complete: the endpoint answered in ${evidence.latencyMs} ms.`, progress: 1, evidence })
}

/** True if two free recognizers hold the model. */
function hasTwoFree(recognizers: Recognizers, modelId: string): boolean {
  const { workers, models } = recognizers.usage()
  return workers.most - workers.busy >= 2 && (models.find(({ id }) => id === modelId)?.workers ?? 0) >= 2
}

async function resolveModels(service: Provisioning, deploymentId: string): Promise<ServedDeployment> {
  const served = await findDeploymentToProvision(service, deploymentId)
  if (!served) throw new RunEndedError()
  const { deployment, acousticModel, languageModel } = served
  for (const model of [acousticModel, languageModel]) {
    if (model.retiredAt)
      throw new JobFailure(
        'MODEL_RETIRED',
        `The ${model.kind.toLowerCase()} model "${model.name}" is no longer in the catalog. Create a deployment with another model.`,
        { isLasting: true },
      )
  }
  const incompatibility = explainIncompatibility(deployment.locale, acousticModel, languageModel)
  if (incompatibility) throw new JobFailure('MODELS_INCOMPATIBLE', incompatibility.message, { isLasting: true })
  return served
}

async function fetchFiles(
  { artifacts }: Provisioning,
  steps: ProvisioningSteps,
  { acousticModel, languageModel }: ServedDeployment,
): Promise<[ModelFiles, ModelFiles]> {
  const sizes = [acousticModel, languageModel].map(({ files }) => files.reduce((sum, file) => sum + file.size, 0))
  const [acousticSize = 0, languageSize = 0] = sizes
  const from = (before: number) => ({
    signal: steps.signal,
    onProgress(bytes: number) {
      const done = before + bytes
      steps.tell(done / (acousticSize + languageSize), `${megabytes(done)} of ${megabytes(acousticSize + languageSize)} MB are fetched and checked.`)
    },
  })
  return [await artifacts.fetch(acousticModel, from(0)), await artifacts.fetch(languageModel, from(acousticSize))]
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)
