import { z } from 'zod'
import type { Job } from '../postgres/queue.ts'

/** Makes a deployment servable: QUEUED to COMPLETE, or to FAILED with the reason. */
export const provisionDeployment: Job<{ deploymentId: string; attempt: number }> = {
  name: 'provision-deployment',
  payload: z.object({ deploymentId: z.uuid(), attempt: z.int() }),
  key: ({ deploymentId, attempt }) => `${deploymentId}:${attempt}`,
  retries: 5,
}

export const allJobs = [provisionDeployment] as const
