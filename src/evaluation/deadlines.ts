import { and, lt, sql } from 'drizzle-orm'
import type { Service } from '../domain/context.ts'
import { enforceEach } from '../lifecycle/deadline-enforcement.ts'
import { evaluationQueue, isUnfinished, testSetQueue } from '../lifecycle/queue-position.ts'
import { isNoneOf } from '../postgres/columns.ts'
import { evaluations, testSets } from '../postgres/evaluation/evaluation-tables.ts'
import { evaluating, evaluationLimits } from './evaluation-lifecycle.ts'
import { importing, importLimits } from './test-set-lifecycle.ts'

const inHours = ({ limits }: typeof importLimits) => `${limits.deadlineSeconds / 3600} h`

/** Fails imports and evaluations that are past their deadline. Several processes can run this at the same time. */
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
  const code = 'DEADLINE_EXCEEDED'
  await enforceEach(service, findTestSets, ({ id: testSetId, workspaceId, attempt, run, stage }) => {
    const message = `The import did not end within ${inHours(importLimits)}. Check that a process with the role jobs is running, then create the test set again.`
    return importing.fail(service, { testSetId, workspaceId, attempt, run }, { stage: stage ?? 'READING', code, message })
  })
  await enforceEach(service, findEvaluations, ({ id: evaluationId, workspaceId, attempt, run, stage }) => {
    const message = `The evaluation did not end within ${inHours(evaluationLimits)}. Check that a process with the role jobs is running and has capacity, then create the evaluation again.`
    return evaluating.fail(service, { evaluationId, workspaceId, attempt, run }, { stage: stage ?? 'FETCHING', code, message })
  })
}
