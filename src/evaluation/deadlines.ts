import { and, eq, isNull, lt, not, sql } from 'drizzle-orm'
import type { Service } from '../domain/context.ts'
import { enforceEach } from '../lifecycle/deadline-enforcement.ts'
import { evaluationQueue, isUnfinished, revisionQueue, testSetQueue } from '../lifecycle/queue-position.ts'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import { isNoneOf } from '../postgres/columns.ts'
import { deploymentRevisions } from '../postgres/deployment-tables.ts'
import { evaluations, testSets } from '../postgres/evaluation/evaluation-tables.ts'
import { evaluating, evaluationLimits } from './evaluation-lifecycle.ts'
import { cancelGateEvaluations } from './gate-evaluation.ts'
import { importing, importLimits } from './test-set-lifecycle.ts'

const inHours = ({ limits }: typeof importLimits) => `${limits.deadlineSeconds / 3600} h`

/** The time after which the evaluation of a gate is canceled when its deployment has no revision in work. */
const abandonedSeconds = 60

/** Fails imports and evaluations that are past their deadline, and cancels those that no gate waits for. Several processes can run this at the same time. */
export async function enforceEvaluationDeadlines(service: Service): Promise<void> {
  const { db } = service.store
  const isLate = (table: typeof testSets | typeof evaluations) => lt(table.deadlineAt, sql`clock_timestamp()`)
  const findTestSets = (held: readonly string[]) =>
    db
      .select()
      .from(testSets)
      .where(and(isUnfinished(testSetQueue), isLate(testSets), isNoneOf(testSets.workspaceId, held)))
      .limit(100)
  const findEvaluations = (held: readonly string[]) =>
    db
      .select()
      .from(evaluations)
      .where(and(isUnfinished(evaluationQueue), isLate(evaluations), isNoneOf(evaluations.workspaceId, held)))
      .limit(100)
  // Their revision was deleted with its deployment, or ended at the moment at which its gate began.
  const isOfGate = and(isNull(evaluations.jobId), lt(evaluations.updatedAt, sql`clock_timestamp() - make_interval(secs => ${abandonedSeconds})`))
  const isNeeded = sql`exists (select from ${deploymentRevisions} where ${eq(deploymentRevisions.deploymentId, evaluations.deploymentId)} and ${isUnfinished(revisionQueue)})`
  const findAbandoned = (held: readonly string[]) =>
    db
      .select()
      .from(evaluations)
      .where(and(isUnfinished(evaluationQueue), isOfGate, not(isNeeded), isNoneOf(evaluations.workspaceId, held)))
      .limit(100)
  const code = 'DEADLINE_EXCEEDED'
  await enforceEach(service, findTestSets, ({ id: testSetId, workspaceId, attempt, run, stage }) => {
    const message = `The import did not end within ${inHours(importLimits)}. Check that a process with the role jobs is running, then create the test set again.`
    return importing.fail(service, { testSetId, workspaceId, attempt, run }, { stage: stage ?? 'READING', code, message })
  })
  await enforceEach(service, findAbandoned, ({ workspaceId, deploymentId }) =>
    changeWorkspace(db, workspaceId, async (tx) => deploymentId && cancelGateEvaluations(tx, { workspaceId, deploymentId })),
  )
  await enforceEach(service, findEvaluations, ({ id: evaluationId, workspaceId, attempt, run, stage }) => {
    const message = `The evaluation did not end within ${inHours(evaluationLimits)}. Check that a process with the role jobs is running and has capacity, then create the evaluation again.`
    return evaluating.fail(service, { evaluationId, workspaceId, attempt, run }, { stage: stage ?? 'FETCHING', code, message })
  })
}
