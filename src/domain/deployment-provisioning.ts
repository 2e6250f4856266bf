import { createWork } from '../lifecycle/job-claims.ts'
import { provisionDeployment } from '../lifecycle/job-definitions.ts'
import { deploymentLine } from '../lifecycle/queue-position.ts'
import { deploymentLifecycle } from './deployment-lifecycle.ts'

/** How deployments get to workers. */
export const provisioning = createWork('deploymentId', deploymentLine, deploymentLifecycle, () => provisionDeployment)
