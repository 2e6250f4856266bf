import { z } from 'zod'
import type { Job } from '../postgres/queue.ts'

/** Makes a deployment servable: QUEUED to COMPLETE, or to FAILED with the reason. */
export const provisionDeployment: Job<{ deploymentId: string }> = {
  name: 'provision-deployment',
  payload: z.object({ deploymentId: z.uuid() }),
  key: ({ deploymentId }) => deploymentId,
  retries: 5,
}

export const allJobs = [provisionDeployment] as const
