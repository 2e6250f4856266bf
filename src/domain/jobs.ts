import { z } from 'zod'
import type { Job } from '../postgres/queue.ts'

const provisioning = z.object({ deploymentId: z.uuid(), workspaceId: z.uuid(), attempt: z.int(), failedTries: z.int() })

/** Which deployment to provision, for which of its attempts, and how often that has failed before. */
export type ProvisioningPayload = z.infer<typeof provisioning>

/**
 * Makes a deployment servable: QUEUED to COMPLETE, or to FAILED with the reason. A try that fails asks for
 * the next one itself; the queue's own retries are for workers that die or stop, and cost nothing.
 */
export const provisionDeployment: Job<ProvisioningPayload> = {
  name: 'provision-deployment',
  payload: provisioning,
  key: ({ deploymentId, attempt, failedTries }) => `${deploymentId}:${attempt}:${failedTries}`,
  interruptions: 100,
}

export const allJobs = [provisionDeployment] as const
