import { eq, sql } from 'drizzle-orm'
import type { Db, Tx } from '../postgres/client.ts'
import { ring } from '../postgres/events.ts'
import { type ModelFailure, type ModelRow, type ModelStage, type ModelStatus, modelEvents, models, workspaces } from '../postgres/tables.ts'
import { changeWorkspace } from './turnstile.ts'

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

export const mayModelMove = (from: ModelStatus, to: ModelStatus) => moves[from].includes(to)

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

/** Topics on which watchers are rung: of one model, and of all of a workspace. */
export const modelTopic = (modelId: string) => `model:${modelId}`
export const modelsTopic = (workspaceId: string) => `models:${workspaceId}`

/** A custom model's row; base models belong to nobody and never change. */
export type CustomModelRow = ModelRow & { workspaceId: string }

/** One worker's hold on one model; it changes nothing any more once either number has moved on. */
export interface ModelClaim {
  modelId: string
  workspaceId: string
  attempt: number
  /** Left out by those who speak for the attempt as a whole. */
  run?: number
}

/** A job's way to change a model; answers undefined, and changes nothing, when the claim no longer holds. */
export function recordModelChange(
  db: Db,
  claim: ModelClaim,
  change: ModelChange,
  also?: (tx: Tx, row: CustomModelRow) => Promise<unknown>,
): Promise<ModelRow | undefined> {
  return changeWorkspace(db, claim.workspaceId, async (tx) => {
    const before = await findClaimedModel(tx, claim)
    if (!before || !mayModelMove(before.status, change.status)) return undefined
    const after = await applyModelChange(tx, before, change)
    await also?.(tx, after)
    return after
  })
}

/** The model, while the claim on it still holds. The workspace must be locked. */
export async function findClaimedModel(tx: Tx, { modelId, workspaceId, attempt, run }: ModelClaim): Promise<CustomModelRow | undefined> {
  const [row] = await tx.select().from(models).where(eq(models.id, modelId)).for('update')
  return row?.workspaceId === workspaceId && row.attempt === attempt && (run === undefined || row.run === run) ? { ...row, workspaceId } : undefined
}

/** Moves a model to another status; whoever calls it has locked the workspace and asked {@link mayModelMove}. */
export async function applyModelChange(tx: Tx, before: CustomModelRow, change: ModelChange, more: Partial<ModelRow> = {}): Promise<CustomModelRow> {
  const [after] = await tx
    .update(models)
    .set({
      status: change.status,
      ...change.made,
      ...more,
      stage: change.stage ?? null,
      progress: change.progress ?? before.progress,
      failure: change.failure ?? null,
      sequence: before.sequence + 1,
      updatedAt: sql`clock_timestamp()`,
      completedAt: isModelTerminal(change.status) ? sql`clock_timestamp()` : null,
    })
    .where(eq(models.id, before.id))
    .returning()
  if (!after) throw new Error('a locked model has vanished')
  const { workspaceId } = before
  await recordModelEvent(tx, { ...after, workspaceId }, before.status, change.message)
  return { ...after, workspaceId }
}

/** Writes the event that the row's present sequence number stands for, and rings its watchers. */
export async function recordModelEvent(tx: Tx, row: CustomModelRow, previousStatus: ModelStatus | null, message: string): Promise<void> {
  const [raised] = await tx
    .update(workspaces)
    .set({ modelPosition: sql`${workspaces.modelPosition} + 1` })
    .where(eq(workspaces.id, row.workspaceId))
    .returning({ position: workspaces.modelPosition })
  await tx.insert(modelEvents).values({
    modelId: row.id,
    sequence: row.sequence,
    workspaceId: row.workspaceId,
    position: raised?.position ?? 0,
    kind: row.kind,
    status: row.status,
    previousStatus,
    stage: row.stage,
    progress: row.progress,
    message,
    occurredAt: row.updatedAt,
  })
  await ring(tx, [modelTopic(row.id), modelsTopic(row.workspaceId)])
}
