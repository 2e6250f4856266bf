import { createEventLog, rowTopic } from '../lifecycle/event-log.ts'
import { type ClaimOn, createLifecycle } from '../lifecycle/lifecycle.ts'
import { toWorkedTable } from '../lifecycle/worked-table.ts'
import { type ModelEventRow, type ModelFailure, type ModelRow, type ModelStage, type ModelStatus, modelEvents, models } from '../postgres/tables.ts'

//   QUEUED ──▶ BUILDING ──▶ READY
//     │  ▲         ├──────▶ FAILED ───┐
//     │  │         └──────▶ CANCELED ─┤ (retried: QUEUED)
//     │  └────────────────────────────┘      any ──▶ DELETING ──▶ gone
const moves: Record<ModelStatus, readonly ModelStatus[]> = {
  QUEUED: ['BUILDING', 'FAILED', 'CANCELED', 'DELETING'],
  BUILDING: ['BUILDING', 'READY', 'FAILED', 'CANCELED', 'DELETING'],
  READY: ['DELETING'],
  FAILED: ['QUEUED', 'DELETING'],
  CANCELED: ['QUEUED', 'DELETING'],
  DELETING: [],
}

/** True when the status changes only on request. */
export const isModelTerminal = (status: ModelStatus) => status !== 'QUEUED' && status !== 'BUILDING'

export interface ModelChange {
  status: ModelStatus
  message: string
  stage?: ModelStage | null
  /** The progress of the whole building, 0 to 1; unchanged when omitted. */
  progress?: number
  failure?: ModelFailure
  /** The results of building. */
  made?: Partial<Pick<ModelRow, 'files' | 'statistics' | 'evaluation'>>
}

/** The topic that notifies the subscribers of one model. */
export const modelTopic = (id: string) => rowTopic('model', id)

/** The row of a custom model. Base models belong to no workspace and have no lifecycle. */
export type CustomModelRow = ModelRow & { workspaceId: string }

/** The claim of one worker on one model. */
export type ModelClaim = ClaimOn<'modelId'>

export const modelLog = createEventLog<CustomModelRow, ModelEventRow>({
  name: 'model',
  table: modelEvents,
  key: 'modelId',
  position: 'modelPosition',
  isTerminal: isModelTerminal,
  toFacts: ({ kind }) => ({ kind }),
})

export const modelLifecycle = createLifecycle<'modelId', CustomModelRow, ModelChange>({
  table: toWorkedTable(models),
  log: modelLog,
  key: 'modelId',
  moves,
  toValues: ({ made }) => ({ ...made }),
})
