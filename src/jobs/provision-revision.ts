import { deploymentTopic } from '../domain/deployment-lifecycle.ts'
import type { RevisionPayload } from '../lifecycle/job-definitions.ts'
import type { RevisionRow, Stage } from '../postgres/deployment-tables.ts'
import type { Handler } from '../postgres/queue.ts'
import { findRevisionToProvision, type RevisionToProvision } from '../revisions/revision.ts'
import { type RevisionChange, type RevisionClaim, revising, revisionLifecycle } from '../revisions/revision-lifecycle.ts'
import { JobRun, type RunRecord } from './job-run.ts'
import { type Provisioning, type ProvisioningSteps, provision, stageBegins } from './provisioning.ts'

export interface Revising extends Provisioning {
  /** Evaluates a proved revision before it serves. Throws a JobFailure when the revision is not good enough. */
  gate?: (revision: RevisionRow, steps: ProvisioningSteps) => Promise<void>
}

/**
 * Provisions a revision while another one serves, in the stages of provision-deployment.ts. In the end the revision serves
 * or is on trial. After a failure the deployment serves as before.
 */
export function provisionRevisionHandler(service: Revising): Handler<RevisionPayload> {
  return {
    async run(payload, signal) {
      const found = await findRevisionToProvision(service, payload.revisionId)
      const claim = found && (await revising.claim(service, payload))
      if (!claim) return
      const { log, measures } = service
      const steps = new JobRun(createRunRecord(service, claim, found, payload.failedTries), { events: service.store.events, log, measures }, signal)
      try {
        await proveRevision(service, steps, found)
      } catch (error) {
        await steps.fail(error)
      } finally {
        await steps.close()
      }
    },
    async giveUp(payload) {
      const found = await findRevisionToProvision(service, payload.revisionId)
      await revising.fail(service, payload, {
        stage: found?.row.stage ?? 'RESOLVING',
        code: 'PROVISIONING_INTERRUPTED',
        message: 'The workers of this job were interrupted too often. Redeploy again. If it fails again, read the log of the server.',
      })
    },
  }
}

async function proveRevision(service: Revising, steps: JobRun<Stage, RevisionChange>, { row }: RevisionToProvision) {
  const evidence = await provision(service, steps, async () => (await findRevisionToProvision(service, row.id))?.served)
  await service.gate?.(row, steps)
  await steps.record({ status: 'COMPLETE', message: `Its endpoint answered in ${evidence.latencyMs} ms.`, progress: 1, evidence })
}

const createRunRecord = (
  service: Revising,
  claim: RevisionClaim & { run: number },
  { row }: RevisionToProvision,
  failedBefore: number,
): RunRecord<Stage, RevisionChange> => ({
  topic: deploymentTopic(row.deploymentId),
  stageBegins,
  toStep: (step) => ({ status: 'PROVISIONING', ...step }),
  record: (change) => revisionLifecycle.recordChange(service.store.db, claim, change),
  holds: () => revising.holds(service, claim),
  fail: (problem) => revising.fail(service, claim, problem),
  failTry: (problem, isDeath) => revising.failTry(service, claim, failedBefore, problem, isDeath),
  letGo: () => revising.letGo(service, claim),
})
