import type { Artifacts, ModelFiles } from '../artifacts/store.ts'
import { openWritingRules } from '../decoding/writing-rules.ts'
import { explainIncompatibility } from '../domain/compatibility.ts'
import type { ServedDeployment } from '../domain/endpoint.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { Evidence, Stage } from '../postgres/deployment-tables.ts'
import { toRecognizerModel } from '../recognition/model-files.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'
import { checkWords } from '../recognition/word-files.ts'
import { type JobRun, RunEndedError } from './job-run.ts'
import { type Verifier, verifyEndpoint } from './verify-endpoint.ts'

export interface Provisioning extends Verifier {
  artifacts: Artifacts
  recognizers: Recognizers
}

/** The run of a job that provisions a deployment or a revision. */
export type ProvisioningSteps = Pick<JobRun<Stage, never>, 'enter' | 'tell' | 'signal'>

/** Fetching and loading take most of the time. */
export const stageBegins = { RESOLVING: 0, FETCHING: 0.05, BUILDING: 0.45, LOADING: 0.5, VERIFYING: 0.8 } as const

/**
 * Makes the models of a deployment or revision servable, and proves that its endpoint recognizes. Every stage can run
 * twice. `find` reads the models, and returns undefined when the job is no longer needed.
 */
export async function provision(service: Provisioning, steps: ProvisioningSteps, find: () => Promise<ServedDeployment | undefined>): Promise<Evidence> {
  await steps.enter('RESOLVING', 'Looking up the models.')
  const served = await resolveModels(find)

  await steps.enter('FETCHING', 'Fetching and checking the model files.')
  const [acoustic, language] = await fetchFiles(service, steps, served)

  await steps.enter('BUILDING', 'Compiling the language model.')
  await openWritingRules(language.writing ?? '')
  if (language.words) await checkWords(language.words, steps.signal)

  await steps.enter('LOADING', 'Loading the models into a recognizer.')
  const model = toRecognizerModel(acoustic, language)
  await service.recognizers.load(model, steps.signal)

  await steps.enter('VERIFYING', 'Testing the endpoint with a reference recording.')
  return verifyEndpoint(service, served, {
    signal: steps.signal,
    waiting: (share, message) => steps.tell(share, message),
    isAtOnce: hasTwoFree(service.recognizers, model.id),
  })
}

/** True if two free recognizers hold the model. */
function hasTwoFree(recognizers: Recognizers, modelId: string): boolean {
  const { workers, models } = recognizers.usage()
  return workers.most - workers.busy >= 2 && (models.find(({ id }) => id === modelId)?.workers ?? 0) >= 2
}

async function resolveModels(find: () => Promise<ServedDeployment | undefined>): Promise<ServedDeployment> {
  const served = await find()
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
