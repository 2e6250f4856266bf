import { ExpectedError } from '../domain/errors.ts'
import type { EvaluationRow, EvaluationStatus, TestSetRow } from '../postgres/evaluation/evaluation-tables.ts'

export class TestSetNotFoundError extends ExpectedError {
  readonly code = 'TEST_SET_NOT_FOUND'
  constructor(path: string | null, message = 'No test set has this id. List the test sets with the testSets query.') {
    super(message, path)
  }
}

export class TestSetNotReadyError extends ExpectedError {
  readonly code = 'TEST_SET_NOT_READY'
  readonly testSet: TestSetRow
  constructor(testSet: TestSetRow) {
    const { name, status, progress, failure } = testSet
    const advice =
      status === 'FAILED'
        ? `could not be imported: ${failure?.message ?? 'no reason was recorded.'} Create another test set.`
        : `is still ${status} (${Math.round(progress * 100)} %). Subscribe to testSetStatusChanged, and use the test set when it is READY.`
    super(`The test set "${name}" ${advice}`, 'testSetId')
    this.testSet = testSet
  }
}

export class DuplicateTestSetNameError extends ExpectedError {
  readonly code = 'DUPLICATE_TEST_SET_NAME'
  readonly testSet: TestSetRow
  constructor(testSet: TestSetRow) {
    super(
      `A test set named "${testSet.name}" already exists in ${testSet.locale}. Choose another name. Names that differ only in case or in invisible characters are the same.`,
      'name',
    )
    this.testSet = testSet
  }
}

export class TestSetInUseError extends ExpectedError {
  readonly code = 'TEST_SET_IN_USE'
  readonly evaluations: EvaluationRow[]
  constructor(evaluations: EvaluationRow[]) {
    super('Unfinished evaluations use the test set. Cancel them with cancelEvaluation, or wait for their end.', 'id')
    this.evaluations = evaluations
  }
}

export class EvaluationNotFoundError extends ExpectedError {
  readonly code = 'EVALUATION_NOT_FOUND'
  constructor(path: string) {
    super('No evaluation has this id. List the evaluations with the evaluations query.', path)
  }
}

export class EvaluationStatusConflictError extends ExpectedError {
  readonly code = 'EVALUATION_STATUS_CONFLICT'
  readonly status: EvaluationStatus
  constructor(status: EvaluationStatus, advice: string, path: string | null = null) {
    super(`The evaluation is ${status}. ${advice}`, path)
    this.status = status
  }
}

/** The two evaluations of a comparison are of different test sets. */
export class TestSetMismatchError extends ExpectedError {
  readonly code = 'TEST_SET_MISMATCH'
  constructor() {
    super('The evaluations are of different test sets. Compare two evaluations of one test set.', 'b')
  }
}
