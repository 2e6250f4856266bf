// Declares types that refer to each other. The file of each noun defines its types.
import type { EvaluationRow, TestItemRow, TestSetRow } from '../../postgres/evaluation/evaluation-tables.ts'
import { builder } from '../builder.ts'

export const TestSet = builder.objectRef<TestSetRow>('TestSet')
export const TestItem = builder.objectRef<TestItemRow>('TestItem')
export const Evaluation = builder.objectRef<EvaluationRow>('Evaluation')

export const TestSetStatusEnum = builder.enumType('TestSetStatus', {
  description: 'The status of a test set. Later versions can add values: use `isTerminal` rather than a complete switch.',
  values: {
    QUEUED: { description: 'The test set waits for a worker.' },
    IMPORTING: { description: 'A worker reads the recordings and their transcripts.' },
    READY: { description: 'Evaluations can use the test set.' },
    FAILED: { description: 'The import failed. The field `failure` contains the reason.' },
  } as const,
})

export const EvaluationStatusEnum = builder.enumType('EvaluationStatus', {
  description: 'The status of an evaluation. Later versions can add values: use `isTerminal` rather than a complete switch.',
  values: {
    QUEUED: { description: 'The evaluation waits for a worker.' },
    RUNNING: { description: 'A worker recognizes the recordings of the test set.' },
    COMPLETE: { description: 'The field `result` contains the word errors.' },
    FAILED: { description: 'The evaluation failed. The field `failure` contains the reason.' },
    CANCELED: { description: 'A request canceled the evaluation.' },
  } as const,
})
