import { findEvaluationToRun, listAllEvaluated } from '../evaluation/evaluation.ts'
import { evaluating } from '../evaluation/evaluation-lifecycle.ts'
import { type GateVerdict, judgeGate } from '../evaluation/gate.ts'
import { findOrCreateGateEvaluation, type GatedModels } from '../evaluation/gate-evaluation.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { EvaluationRow } from '../postgres/evaluation/evaluation-tables.ts'
import type { Gate } from '../postgres/evaluation/gate.ts'
import { createClaimedRecord } from './claimed-job.ts'
import { describeFailure, JobRun, RunEndedError } from './job-run.ts'
import { type Evaluating, evaluate, evaluationJob } from './run-evaluation.ts'

interface GateRun {
  workspaceId: string
  gate: Gate
  candidate: GatedModels
  /** The present models, without which only the word error rate is judged. */
  baseline?: GatedModels | undefined
}

interface GateProgress {
  signal: AbortSignal
  /** Called with the progress of the evaluations, 0 to 1. */
  tell(share: number, message: string): void
}

/** A judged gate, with the evaluation of the new models. */
export type JudgedGate = GateVerdict & { evaluationId: string }

/**
 * Evaluates the new models, and the present ones for comparison, within the caller's job, and judges the gate. Evaluations of
 * the same models and test set are used again, and one that a killed process left continues. Rejects with a
 * {@link JobFailure} when the test set or an evaluation cannot be used.
 */
export async function runGate(service: Evaluating, { workspaceId, gate, candidate, baseline }: GateRun, { signal, tell }: GateProgress): Promise<JudgedGate> {
  const both = baseline ? [baseline, candidate] : [candidate]
  const ids: string[] = []
  for (const [n, models] of both.entries()) {
    const evaluation = await findOrCreateGateEvaluation(service, { workspaceId, testSetId: gate.testSetId, models })
    if (!evaluation)
      throw new JobFailure('TEST_SET_MISSING', 'The test set of the gate was deleted or is not READY. Choose another test set for the gate.', {
        isLasting: true,
      })
    const share = (progress: number, message: string) => tell((n + progress) / both.length, message)
    if (evaluation.status !== 'COMPLETE') await runHere(service, evaluation, { signal, tell: share })
    ids.push(evaluation.id)
  }
  const lists = await Promise.all(ids.map((id) => listAllEvaluated(service, id)))
  if (lists.some((list) => !list.length))
    throw new JobFailure('GATE_EVALUATION_ENDED', 'An evaluation of the gate was deleted before the gate was judged.', { isLasting: false })
  const heard = lists.at(-1) ?? []
  return { ...judgeGate(gate, heard, baseline && lists[0]), evaluationId: ids.at(-1) ?? '' }
}

/** Runs an evaluation that has no job. */
async function runHere(service: Evaluating, { id: evaluationId, workspaceId, attempt }: EvaluationRow, { signal, tell }: GateProgress): Promise<void> {
  const claim = await evaluating.claim(service, { evaluationId, workspaceId, attempt, failedTries: 0 })
  if (!claim) return requireResult(service, evaluationId)
  const { log, measures } = service
  const run = new JobRun(createClaimedRecord(service, evaluationJob, claim, { failed: 0 }), { events: service.store.events, log, measures }, signal)
  const told = (progress: number, message: string) => {
    run.tell(progress, message)
    tell(progress, message)
  }
  const steps = { signal: run.signal, tell: told, enter: run.enter.bind(run), record: run.record.bind(run) }
  try {
    await evaluate(service, steps, claim)
  } catch (error) {
    const { code, message, isLasting } = describeFailure(error)
    if (isLasting) await evaluating.fail(service, claim, { stage: 'RECOGNIZING', code, message })
    else await evaluating.letGo(service, claim)
    if (!(error instanceof RunEndedError)) throw error
    // The notification of the result can end the run before it returns.
    await requireResult(service, evaluationId)
  } finally {
    await run.close()
  }
}

/** Throws the failure of the gate when its evaluation has ended without a result. */
async function requireResult(service: Evaluating, id: string): Promise<void> {
  const found = await findEvaluationToRun(service, id)
  const { status, failure } = found?.evaluation ?? {}
  if (status === 'COMPLETE') return
  const reason = failure?.message ?? (status === 'CANCELED' ? 'A request canceled it.' : 'A request deleted it.')
  throw new JobFailure('GATE_EVALUATION_ENDED', `The evaluation of the gate ended without a result. ${reason}`, { isLasting: true })
}
