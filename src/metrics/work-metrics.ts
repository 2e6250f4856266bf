import type { Measures } from '../domain/context.ts'
import type { StatusChange } from '../lifecycle/status-changes.ts'
import { deploymentStatus, revisionStatus } from '../postgres/deployment-tables.ts'
import { evaluationStatus, testSetStatus } from '../postgres/evaluation/evaluation-tables.ts'
import { modelStatus } from '../postgres/tables.ts'
import type { Metrics } from './metrics.ts'

const stageBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

/** The metrics of GraphQL operations and of the stages of jobs. */
export function createMeasures(metrics: Metrics): Measures {
  const count = metrics.counter(
    'custom_speech_graphql_operations_total',
    'GraphQL operations: success, error (the answer has errors) or refused (not executed).',
    ['kind', 'outcome'],
  )
  const observe = metrics.histogram(
    'custom_speech_stage_duration_seconds',
    'Duration of the stages of deployments and models, failed ones included.',
    ['kind', 'stage'],
    stageBuckets,
  )
  return {
    operation: (kind, outcome) => count({ kind, outcome }),
    stage: (kind, stage, seconds) => observe({ kind, stage }, seconds),
  }
}

/** Counts the statuses that deployments, revisions, models, test sets and evaluations reach by this process. */
export function createStatusCount(metrics: Metrics): (change: StatusChange) => void {
  const statuses = { deployment: deploymentStatus, revision: revisionStatus, model: modelStatus, testSet: testSetStatus, evaluation: evaluationStatus }
  const zeros = Object.entries(statuses).flatMap(([kind, { enumValues }]) => enumValues.map((status) => ({ kind, status })))
  const count = metrics.counter(
    'custom_speech_status_changes_total',
    'Deployments, revisions, models, test sets and evaluations that this process moved to a status.',
    ['kind', 'status'],
    zeros,
  )
  return ({ kind, status }) => count({ kind, status })
}
