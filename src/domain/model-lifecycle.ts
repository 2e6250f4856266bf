import { and, eq, lt, sql } from 'drizzle-orm'
import { enforceEach } from '../lifecycle/deadline-enforcement.ts'
import { createEventLog, rowTopic } from '../lifecycle/event-log.ts'
import { createJobClaims } from '../lifecycle/job-claims.ts'
import { trainLanguageModel, validateAcousticModel } from '../lifecycle/job-definitions.ts'
import { type ClaimOn, createLifecycle } from '../lifecycle/lifecycle.ts'
import { isUnfinished, modelQueue } from '../lifecycle/queue-position.ts'
import { toWorkedTable } from '../lifecycle/worked-table.ts'
import { isNoneOf } from '../postgres/columns.ts'
import {
  type ModelEventRow,
  type ModelFailure,
  type ModelKind,
  type ModelRow,
  type ModelStage,
  type ModelStatus,
  modelEvents,
  models,
  modelTexts,
} from '../postgres/tables.ts'
import type { Service } from './context.ts'

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

const jobOf: Record<ModelKind, typeof trainLanguageModel> = { LANGUAGE: trainLanguageModel, ACOUSTIC: validateAcousticModel }

/** Queues custom models, and claims them for workers. */
export const building = createJobClaims('modelId', modelQueue, modelLifecycle, ({ kind }) => jobOf[kind])

/** Reads a model for its job: the model, its base model, and the text if the request contained it. */
export async function findModelToBuild({ store }: Service, modelId: string): Promise<{ model: ModelRow; base: ModelRow; text: string | null } | undefined> {
  const [found] = await store.db
    .select({ model: models, text: modelTexts.text })
    .from(models)
    .leftJoin(modelTexts, eq(modelTexts.modelId, models.id))
    .where(eq(models.id, modelId))
  if (!found?.model.baseModelId) return undefined
  const [base] = await store.db.select().from(models).where(eq(models.id, found.model.baseModelId))
  return base && { ...found, base }
}

/** Fails models that are past their deadline. Several processes can run this at the same time. */
export async function enforceModelDeadlines(service: Service): Promise<void> {
  const find = async (held: readonly string[]) => {
    const overdue = and(isUnfinished(modelQueue), lt(models.deadlineAt, sql`clock_timestamp()`), isNoneOf(models.workspaceId, [...held]))
    const rows = await service.store.db.select().from(models).where(overdue).orderBy(models.deadlineAt).limit(100)
    return rows.map((row) => ({ ...row, workspaceId: row.workspaceId ?? '' }))
  }
  await enforceEach(service, find, ({ id: modelId, workspaceId, attempt, run, status, stage }) => {
    const { deadlineSeconds } = service.limits
    const message =
      status === 'QUEUED'
        ? `No worker started within ${deadlineSeconds} s. Check that a process with the role jobs is running, then retry the model.`
        : `The model was not built within ${deadlineSeconds} s. Retry the model, or create one with less text.`
    const failure = { stage: stage ?? 'CHECKING', code: 'DEADLINE_EXCEEDED', message } as const
    return building.fail(service, { modelId, workspaceId, attempt, run }, failure)
  })
}
