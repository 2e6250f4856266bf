import {
  DuplicateTestSetNameError,
  EvaluationNotFoundError,
  EvaluationStatusConflictError,
  TestSetInUseError,
  TestSetMismatchError,
  TestSetNotFoundError,
  TestSetNotReadyError,
} from '../../evaluation/errors.ts'
import { builder } from '../builder.ts'
import { ErrorInterface } from '../error.ts'
import { Evaluation, EvaluationStatusEnum, TestSet } from './refs.ts'

const interfaces = [ErrorInterface]

builder.objectType(TestSetNotFoundError, { name: 'TestSetNotFoundError', description: 'The workspace has no test set with this id.', interfaces })

builder.objectType(TestSetNotReadyError, {
  name: 'TestSetNotReadyError',
  description: 'The import of the test set is unfinished or failed. Only a READY test set can be evaluated.',
  interfaces,
  fields: (t) => ({ testSet: t.expose('testSet', { type: TestSet, description: 'The test set, with its status and progress.' }) }),
})

builder.objectType(DuplicateTestSetNameError, {
  name: 'DuplicateTestSetNameError',
  description: 'Another test set of this locale has a name that looks the same. The comparison ignores case.',
  interfaces,
  fields: (t) => ({ testSet: t.expose('testSet', { type: TestSet, description: 'The test set with the same name.' }) }),
})

builder.objectType(TestSetInUseError, {
  name: 'TestSetInUseError',
  description: 'Unfinished evaluations use the test set.',
  interfaces,
  fields: (t) => ({ evaluations: t.expose('evaluations', { type: [Evaluation], description: 'The unfinished evaluations, at most 20.' }) }),
})

builder.objectType(EvaluationNotFoundError, { name: 'EvaluationNotFoundError', description: 'The workspace has no evaluation with this id.', interfaces })

builder.objectType(EvaluationStatusConflictError, {
  name: 'EvaluationStatusConflictError',
  description: 'The status of the evaluation does not allow this operation.',
  interfaces,
  fields: (t) => ({ status: t.expose('status', { type: EvaluationStatusEnum, description: 'The current status of the evaluation.' }) }),
})

builder.objectType(TestSetMismatchError, { name: 'TestSetMismatchError', description: 'The compared evaluations are of different test sets.', interfaces })
