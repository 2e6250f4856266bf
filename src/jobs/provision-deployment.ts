import { type DeploymentChange, type DeploymentClaim, deploymentTopic, provisioning, recordChange } from '../domain/deployment-lifecycle.ts'
import { findDeploymentToProvision } from '../domain/endpoint.ts'
import type { ProvisioningPayload } from '../lifecycle/job-definitions.ts'
import type { Stage } from '../postgres/deployment-tables.ts'
import type { Handler } from '../postgres/queue.ts'
import { JobRun, type RunRecord } from './job-run.ts'
import { type Provisioning, provision, stageBegins } from './provisioning.ts'

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
        const evidence = await provision(service, steps, () => findDeploymentToProvision(service, payload.deploymentId))
        await steps.record({ status: 'COMPLETE', message: `Complete: the endpoint answered in ${evidence.latencyMs} ms.`, progress: 1, evidence })
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
