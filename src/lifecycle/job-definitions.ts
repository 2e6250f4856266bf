import { z } from 'zod'
import type { Job } from '../postgres/queue.ts'

const provisioning = z.object({ deploymentId: z.uuid(), workspaceId: z.uuid(), attempt: z.int(), failedTries: z.int() })

/** Which deployment to provision, for which of its attempts, and how often that has failed before. */
export type ProvisioningPayload = z.infer<typeof provisioning>

/**
 * Makes a deployment servable: QUEUED to COMPLETE, or to FAILED with the reason. A try that fails asks for
 * the next one itself; the queue's own retries are for workers that stop or die, and `domain/work.ts` counts deaths.
 */
export const provisionDeployment: Job<ProvisioningPayload> = {
  name: 'provision-deployment',
  payload: provisioning,
  key: ({ deploymentId, attempt, failedTries }) => `${deploymentId}:${attempt}:${failedTries}`,
  interruptions: 100,
}

const building = z.object({ modelId: z.uuid(), workspaceId: z.uuid(), attempt: z.int(), failedTries: z.int() })

/** Which custom model to build, for which of its attempts, and how often that has failed before. */
export type BuildingPayload = z.infer<typeof building>

const buildModel = {
  payload: building,
  key: ({ modelId, attempt, failedTries }: BuildingPayload) => `${modelId}:${attempt}:${failedTries}`,
  interruptions: 100,
}

/** Makes a language model READY: learns its text and measures it on recordings where there are some. */
export const trainLanguageModel: Job<BuildingPayload> = { ...buildModel, name: 'train-language-model' }

/** Makes an acoustic model READY: brings its files, checks them and tries them on a recording. */
export const validateAcousticModel: Job<BuildingPayload> = { ...buildModel, name: 'validate-acoustic-model' }

export const allJobs = [provisionDeployment, trainLanguageModel, validateAcousticModel] as const
