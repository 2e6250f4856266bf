import { deploymentTopic } from '../domain/deployment-lifecycle.ts'
import type { GatedModels } from '../evaluation/gate-evaluation.ts'
import type { RevisionPayload } from '../lifecycle/job-definitions.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { Stage } from '../postgres/deployment-tables.ts'
import type { Gate } from '../postgres/evaluation/gate.ts'
import type { Handler } from '../postgres/queue.ts'
import { findRevisionToProvision, type RevisionToProvision } from '../revisions/revision.ts'
import { type RevisionChange, revising, revisionLifecycle } from '../revisions/revision-lifecycle.ts'
import { createClaimedRecord, runSteps } from './claimed-job.ts'
import { type JobRun, RunEndedError } from './job-run.ts'
import { type Provisioning, provision, stageBegins } from './provisioning.ts'
import { type JudgedGate, runGate } from './run-gate.ts'

/**
 * Provisions a revision while another one serves, in the stages of provision-deployment.ts. In the end the revision serves
 * or is on trial. After a failure the deployment serves as before.
 */
export function provisionRevisionHandler(service: Provisioning): Handler<RevisionPayload> {
  return {
    async run(payload, signal) {
      const found = await findRevisionToProvision(service, payload.revisionId)
      const claim = found && (await revising.claim(service, payload))
      if (!claim) return
      const record = createClaimedRecord(service, jobOf(found), claim, { failed: payload.failedTries })
      await runSteps(service, record, signal, (steps) => proveRevision(service, steps, found))
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

/** The progress at the beginning of each stage where a gate follows the proof. */
const gatedStageBegins = { ...stageBegins, VERIFYING: 0.6, EVALUATING: 0.7 }

/** Changes of a revision notify the subscribers of its deployment. */
const jobOf = ({ row }: RevisionToProvision) =>
  ({
    key: 'revisionId',
    claims: revising,
    lifecycle: revisionLifecycle,
    topicOf: () => deploymentTopic(row.deploymentId),
    atWork: 'PROVISIONING',
    stageBegins: row.gate ? gatedStageBegins : stageBegins,
  }) as const

type RevisionSteps = JobRun<Stage, RevisionChange>

async function proveRevision(service: Provisioning, steps: RevisionSteps, found: RevisionToProvision) {
  const evidence = await provision(service, steps, async () => (await findRevisionToProvision(service, found.row.id))?.served)
  const verdict = found.row.gate ? await passGate(service, steps, found, found.row.gate) : ''
  await steps.record({ status: 'COMPLETE', message: `Its endpoint answered in ${evidence.latencyMs} ms.${verdict}`, progress: 1, evidence })
}

/** Each report is an event in the log of the deployment, and evaluations can take hours. The evaluation has newer progress. */
const gateReportMs = 2_000

/** Evaluates the models of the revision, and those that serve, on the test set of the gate. Throws when they are not good enough. */
async function passGate(service: Provisioning, steps: RevisionSteps, { row }: RevisionToProvision, gate: Gate): Promise<string> {
  await steps.enter('EVALUATING', 'Evaluating the models on the test set of the gate.')
  const candidate = { deploymentId: row.deploymentId, revision: row.number, acousticModelId: row.acousticModelId, languageModelId: row.languageModelId }
  let toldAt = 0
  const tell = (share: number, message: string) => {
    if (performance.now() - toldAt < gateReportMs) return
    toldAt = performance.now()
    steps.tell(share, message)
  }
  const progress = { signal: steps.signal, tell }
  let baseline = await findServing(service, row.id)
  let judged: JudgedGate | undefined
  while (!judged) {
    const verdict = await runGate(service, { workspaceId: row.workspaceId, gate, candidate, baseline }, progress)
    const present = await findServing(service, row.id)
    // After a rollback during the evaluation, the new models are compared with those that serve now.
    if (present.revision === baseline.revision) judged = verdict
    baseline = present
  }
  const { passes, message, evaluationId } = judged
  await steps.record({ status: 'PROVISIONING', stage: 'EVALUATING', message, evaluationId })
  if (!passes) throw new JobFailure('GATE_NOT_PASSED', message, { isLasting: true })
  return ` ${message}`
}

/** The models that serve the deployment of a revision now. */
async function findServing(service: Provisioning, revisionId: string): Promise<GatedModels> {
  const found = await findRevisionToProvision(service, revisionId)
  if (!found) throw new RunEndedError()
  const { id: deploymentId, revision, acousticModelId, languageModelId } = found.served.deployment
  return { deploymentId, revision, acousticModelId, languageModelId }
}
