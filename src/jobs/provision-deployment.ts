import type { Artifacts, ModelFiles } from '../artifacts/store.ts'
import { explainIncompatibility } from '../domain/compatibility.ts'
import type { Service } from '../domain/context.ts'
import { findDeploymentToProvision, type ServedDeployment } from '../domain/endpoint.ts'
import { ProvisioningFailure } from '../domain/failure.ts'
import type { ProvisioningPayload } from '../domain/jobs.ts'
import { claimDeployment, failDeployment } from '../domain/provisioning.ts'
import type { Tokens } from '../domain/token.ts'
import type { Handler } from '../postgres/queue.ts'
import { openLanguageModel } from '../recognition/language-model.ts'
import type { Recognizers } from '../recognition/recognizer.ts'
import { toRecognizerModel } from '../recognition/serving.ts'
import { Steps, Unwanted } from './steps.ts'
import { verifyEndpoint } from './verify-endpoint.ts'

export interface Provisioning extends Service {
  tokens: Tokens
  artifacts: Artifacts
  recognizers: Recognizers
}

//   QUEUED ─▶ RESOLVING ─▶ FETCHING ─▶ BUILDING ─▶ LOADING ─▶ VERIFYING ─▶ COMPLETE
//                 ▲ └──────────┴───────────┴──────────┴───────────┴──────▶ FAILED, with the stage's name
//                 └── after a pause, when the failure may pass and tries are left; or at once, in another
//                     worker's hands, when this one dies or stops: every stage may run twice
export function provisionDeploymentHandler(service: Provisioning): Handler<ProvisioningPayload> {
  return {
    async run(payload, signal) {
      const claim = await claimDeployment(service, payload)
      if (!claim) return
      const steps = new Steps(service, claim, payload.failedTries, signal)
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
      await failDeployment(service, payload, {
        stage: served?.deployment.stage ?? 'RESOLVING',
        code: 'PROVISIONING_INTERRUPTED',
        message: 'Its workers ended too often in the middle of their work. Try it again; if it fails again, look at the log of the server.',
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
  const sizes = [acousticModel, languageModel].map(({ files }) => files.reduce((sum, file) => sum + file.size, 0))
  const [acousticSize = 0, languageSize = 0] = sizes
  const from = (before: number) => ({
    signal: steps.signal,
    onProgress(bytes: number) {
      const done = before + bytes
      steps.tell(done / (acousticSize + languageSize), `${megabytes(done)} of ${megabytes(acousticSize + languageSize)} MB are here and checked.`)
    },
  })
  return [await artifacts.fetch(acousticModel, from(0)), await artifacts.fetch(languageModel, from(acousticSize))]
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)
