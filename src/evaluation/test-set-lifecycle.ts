import { rowTopic } from '../lifecycle/event-log.ts'
import { createJobClaims } from '../lifecycle/job-claims.ts'
import { importTestSet } from '../lifecycle/job-definitions.ts'
import { createLifecycle } from '../lifecycle/lifecycle.ts'
import { testSetQueue } from '../lifecycle/queue-position.ts'
import { createStatusNotices } from '../lifecycle/status-log.ts'
import { toWorkedTable } from '../lifecycle/worked-table.ts'
import {
  type TestItemRow,
  type TestSetFailure,
  type TestSetRow,
  type TestSetStage,
  type TestSetStatus,
  testSets,
} from '../postgres/evaluation/evaluation-tables.ts'

//   QUEUED ──▶ IMPORTING ──▶ READY
//                  └───────▶ FAILED
const moves: Record<TestSetStatus, readonly TestSetStatus[]> = {
  QUEUED: ['IMPORTING', 'FAILED'],
  IMPORTING: ['IMPORTING', 'READY', 'FAILED'],
  READY: [],
  FAILED: [],
}

/** True when the import has ended. */
export const isTestSetTerminal = (status: TestSetStatus) => status === 'READY' || status === 'FAILED'

export interface TestSetChange {
  status: TestSetStatus
  message: string
  stage?: TestSetStage | null
  progress?: number
  failure?: TestSetFailure
  /** The result of the import. */
  made?: Pick<TestSetRow, 'audio' | 'items' | 'seconds' | 'words'>
  /** The recordings, which the job stores with the result. */
  recordings?: readonly Omit<TestItemRow, 'testSetId'>[]
}

export const testSetTopic = (id: string) => rowTopic('testSet', id)

export const testSetLog = createStatusNotices<TestSetRow>({ name: 'testSet', isTerminal: isTestSetTerminal })

export const testSetLifecycle = createLifecycle<'testSetId', TestSetRow, TestSetChange>({
  table: toWorkedTable(testSets),
  log: testSetLog,
  key: 'testSetId',
  moves,
  toValues: ({ status, message, made }) => ({ message, ...made, ...(isTestSetTerminal(status) && { source: null }) }),
})

/** The maximum time from the request to the end of the import. */
export const importLimits = { limits: { deadlineSeconds: 3600 } }

/** Queues test sets, and claims them for workers. */
export const importing = createJobClaims('testSetId', testSetQueue, testSetLifecycle, () => importTestSet)
