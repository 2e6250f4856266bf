import { rowTopic } from '../lifecycle/event-log.ts'
import { createJobClaims } from '../lifecycle/job-claims.ts'
import { runEvaluation } from '../lifecycle/job-definitions.ts'
import { type ClaimOn, createLifecycle } from '../lifecycle/lifecycle.ts'
import { evaluationQueue } from '../lifecycle/queue-position.ts'
import { createStatusNotices } from '../lifecycle/status-log.ts'
import { toWorkedTable } from '../lifecycle/worked-table.ts'
import {
  type EvaluationFailure,
  type EvaluationResult,
  type EvaluationRow,
  type EvaluationStage,
  type EvaluationStatus,
  evaluations,
} from '../postgres/evaluation/evaluation-tables.ts'

//   QUEUED ──▶ RUNNING ──▶ COMPLETE
//     └──────────┴───────▶ FAILED, CANCELED
const moves: Record<EvaluationStatus, readonly EvaluationStatus[]> = {
  QUEUED: ['RUNNING', 'FAILED', 'CANCELED'],
  RUNNING: ['RUNNING', 'COMPLETE', 'FAILED', 'CANCELED'],
  COMPLETE: [],
  FAILED: [],
  CANCELED: [],
}

/** True when the evaluation has ended. */
export const isEvaluationTerminal = (status: EvaluationStatus) => status !== 'QUEUED' && status !== 'RUNNING'

export interface EvaluationChange {
  status: EvaluationStatus
  message: string
  stage?: EvaluationStage | null
  progress?: number
  failure?: EvaluationFailure
  result?: EvaluationResult
}

export type EvaluationClaim = ClaimOn<'evaluationId'>

export const evaluationTopic = (id: string) => rowTopic('evaluation', id)

export const evaluationLog = createStatusNotices<EvaluationRow>({ name: 'evaluation', isTerminal: isEvaluationTerminal })

export const evaluationLifecycle = createLifecycle<'evaluationId', EvaluationRow, EvaluationChange>({
  table: toWorkedTable(evaluations),
  log: evaluationLog,
  key: 'evaluationId',
  moves,
  toValues: ({ message, result }) => ({ message, ...(result && { result }) }),
})

/** The maximum time from the request to the end of an evaluation, which waits for capacity that clients leave. */
export const evaluationLimits = { limits: { deadlineSeconds: 24 * 3600 } }

/** Queues evaluations, and claims them for workers. */
export const evaluating = createJobClaims('evaluationId', evaluationQueue, evaluationLifecycle, () => runEvaluation)
