import { deploymentLifecycle, deploymentTopic, provisioning } from '../domain/deployment-lifecycle.ts'
import { findDeploymentToProvision } from '../domain/endpoint.ts'
import type { ProvisioningPayload } from '../lifecycle/job-definitions.ts'
import type { Handler } from '../postgres/queue.ts'
import { createClaimedRecord, runSteps } from './claimed-job.ts'
import { type Provisioning, provision, stageBegins } from './provisioning.ts'

const job = {
  key: 'deploymentId',
  claims: provisioning,
  lifecycle: deploymentLifecycle,
  topicOf: deploymentTopic,
  atWork: 'PROVISIONING',
  stageBegins,
} as const

//   QUEUED ─▶ RESOLVING ─▶ FETCHING ─▶ BUILDING ─▶ LOADING ─▶ VERIFYING ─▶ COMPLETE
//                 ▲ └──────────┴───────────┴──────────┴───────────┴──────▶ FAILED, with the stage's name
//                 └── after a pause, when the failure is temporary and tries are left; or at once in another
//                     worker, when this one crashes or stops: every stage can run twice
export function provisionDeploymentHandler(service: Provisioning): Handler<ProvisioningPayload> {
  return {
    async run(payload, signal) {
      const claim = await provisioning.claim(service, payload)
      if (!claim) return
      const record = createClaimedRecord(service, job, claim, { failed: payload.failedTries })
      await runSteps(service, record, signal, async (steps) => {
        const evidence = await provision(service, steps, () => findDeploymentToProvision(service, payload.deploymentId))
        await steps.record({ status: 'COMPLETE', message: `Complete: the endpoint answered in ${evidence.latencyMs} ms.`, progress: 1, evidence })
      })
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
