import { provisionDeployment } from './jobs.ts'
import { deploymentLine } from './queue-place.ts'
import { deploymentLifecycle } from './status.ts'
import { createWork } from './work.ts'

/** How deployments get to workers. */
export const provisioning = createWork('deploymentId', deploymentLine, deploymentLifecycle, () => provisionDeployment)
