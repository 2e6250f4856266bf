import { createEventLog, rowTopic } from '../lifecycle/event-log.ts'
import { type ClaimOn, createLifecycle } from '../lifecycle/lifecycle.ts'
import { toWorkedTable } from '../lifecycle/worked-table.ts'
import { type ModelEventRow, type ModelFailure, type ModelRow, type ModelStage, type ModelStatus, modelEvents, models } from '../postgres/tables.ts'

//   QUEUED ──▶ BUILDING ──▶ READY
//     │  ▲         ├──────▶ FAILED ───┐
//     │  │         └──────▶ CANCELED ─┤ (tried again: QUEUED)
//     │  └────────────────────────────┘      any ──▶ DELETING ──▶ gone
const moves: Record<ModelStatus, readonly ModelStatus[]> = {
  QUEUED: ['BUILDING', 'FAILED', 'CANCELED', 'DELETING'],
  BUILDING: ['BUILDING', 'READY', 'FAILED', 'CANCELED', 'DELETING'],
  READY: ['DELETING'],
  FAILED: ['QUEUED', 'DELETING'],
  CANCELED: ['QUEUED', 'DELETING'],
  DELETING: [],
}

/** True when nothing more will happen to the model by itself. */
export const isModelTerminal = (status: ModelStatus) => status !== 'QUEUED' && status !== 'BUILDING'

export interface ModelChange {
  status: ModelStatus
  message: string
  stage?: ModelStage | null
  /** Of the whole building, 0 to 1; left out, it stays as it is. */
  progress?: number
  failure?: ModelFailure
  /** What building has brought forth. */
  made?: Partial<Pick<ModelRow, 'files' | 'statistics' | 'evaluation'>>
}

/** The topic on which one model's watchers are rung. */
export const modelTopic = (id: string) => rowTopic('model', id)

/** A custom model's row; base models belong to nobody and never change. */
export type CustomModelRow = ModelRow & { workspaceId: string }

/** One worker's hold on one model. */
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
