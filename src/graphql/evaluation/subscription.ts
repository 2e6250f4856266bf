import { ExpectedError } from '../../domain/errors.ts'
import { EvaluationNotFoundError, TestSetNotFoundError } from '../../evaluation/errors.ts'
import { watchEvaluation, watchTestSet } from '../../evaluation/watch.ts'
import type { EvaluationRow, TestSetRow } from '../../postgres/evaluation/evaluation-tables.ts'
import { builder } from '../builder.ts'
import { decodeNodeId } from '../node-id.ts'
import { Evaluation, TestSet } from './refs.ts'

const promise = `The stream sends the state at the subscription, then later states in order, each at most once, and ends after the last status or the
deletion. The stream omits states that follow each other too fast, but never the last one.`

const TestSetStatusChange = builder.objectRef<TestSetRow>('TestSetStatusChange').implement({
  description: 'A state of a test set.',
  fields: (t) => ({ testSet: t.field({ type: TestSet, description: 'The test set in this state.', resolve: (row) => row }) }),
})

const TestSetStatusChangedResult = builder.unionType('TestSetStatusChangedResult', {
  description: 'A state, or the reason for the refusal of the subscription. The stream ends after a refusal.',
  types: [TestSetStatusChange, TestSetNotFoundError],
  resolveType: (result) => (result instanceof ExpectedError ? 'TestSetNotFoundError' : 'TestSetStatusChange'),
})

builder.subscriptionField('testSetStatusChanged', (t) =>
  t.field({
    type: TestSetStatusChangedResult,
    description: `The status and the progress of the import of a test set.\n\n${promise}`,
    args: { id: t.arg.id({ required: true, description: 'The `id` of a test set.' }) },
    subscribe: (_, { id }, ctx) => watchTestSet(ctx, decodeNodeId('TestSet', id)),
    resolve: (state) => state as never,
  }),
)

const EvaluationStatusChange = builder.objectRef<EvaluationRow>('EvaluationStatusChange').implement({
  description: 'A state of an evaluation.',
  fields: (t) => ({ evaluation: t.field({ type: Evaluation, description: 'The evaluation in this state.', resolve: (row) => row }) }),
})

const EvaluationStatusChangedResult = builder.unionType('EvaluationStatusChangedResult', {
  description: 'A state, or the reason for the refusal of the subscription. The stream ends after a refusal.',
  types: [EvaluationStatusChange, EvaluationNotFoundError],
  resolveType: (result) => (result instanceof ExpectedError ? 'EvaluationNotFoundError' : 'EvaluationStatusChange'),
})

builder.subscriptionField('evaluationStatusChanged', (t) =>
  t.field({
    type: EvaluationStatusChangedResult,
    description: `The status and the progress of an evaluation.\n\n${promise}`,
    args: { id: t.arg.id({ required: true, description: 'The `id` of an evaluation.' }) },
    subscribe: (_, { id }, ctx) => watchEvaluation(ctx, decodeNodeId('Evaluation', id)),
    resolve: (state) => state as never,
  }),
)
