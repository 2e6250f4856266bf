import { and, desc, eq, or, sql } from 'drizzle-orm'
import { z } from 'zod'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import type { Tx } from '../postgres/client.ts'
import { deploymentRevisions, deployments } from '../postgres/deployment-tables.ts'
import { licenseAcceptances, type ModelKind, type ModelRow, models } from '../postgres/tables.ts'
import { type Context, checkScope } from './context.ts'
import { type ExpectedError, ValidationError } from './errors.ts'
import { letExpire } from './idempotency.ts'
import { findModel, findModelNamed } from './model.ts'
import { DuplicateModelNameError, ModelInUseError, ModelNotFoundError, ModelSequenceMismatchError, ModelStatusConflictError } from './model-errors.ts'
import { building, type CustomModelRow, modelLifecycle, modelLog } from './model-lifecycle.ts'
import { nameText, proseText, sortable, validate } from './validation.ts'

type ModelOutcome<T> = Promise<T | ExpectedError>

/** A custom model of the workspace. */
export interface OwnModel {
  kind: ModelKind
  id: string
}

/** Runs the action on a locked custom model of the caller's workspace. Base models and models of other workspaces are not found. */
async function onModel<T>(ctx: Context, { kind, id }: OwnModel, act: (tx: Tx, row: CustomModelRow) => ModelOutcome<T>): ModelOutcome<T> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  const { workspaceId } = ctx.viewer
  return changeWorkspace(ctx.store.db, workspaceId, async (tx) => {
    const own = and(eq(models.id, id), eq(models.kind, kind), eq(models.workspaceId, workspaceId))
    const [row] = await tx.select().from(models).where(own).for('update')
    return row ? act(tx, { ...row, workspaceId }) : new ModelNotFoundError('id', 'custom')
  })
}

const changes = z.object({ name: nameText.optional(), description: proseText.optional() })

export interface ModelUpdate extends OwnModel {
  name?: string | null | undefined
  description?: string | null | undefined
  /** The sequence that the caller last read. The update is refused when the model has another sequence. */
  ifSequence?: number | null | undefined
}

/** Changes the name or description. A field that is null or omitted keeps its value. */
export async function updateModel(ctx: Context, wanted: ModelUpdate): ModelOutcome<ModelRow> {
  const input = validate(changes, { name: wanted.name ?? undefined, description: wanted.description ?? undefined })
  if (input instanceof ValidationError) return checkScope(ctx, 'MANAGE') ?? input
  return onModel(ctx, wanted, async (tx, row) => {
    if (wanted.ifSequence != null && wanted.ifSequence !== row.sequence) return new ModelSequenceMismatchError(row)
    const { name = row.name, description = row.description } = input
    if (name === row.name && description === row.description) return row
    const twin = await findModelNamed(tx, row.workspaceId, row.kind, { name, locale: row.locale })
    if (twin && twin.id !== row.id) return new DuplicateModelNameError(twin)
    const [updated] = await tx
      .update(models)
      .set({ name, description, sequence: row.sequence + 1, updatedAt: sql`clock_timestamp()` })
      .where(eq(models.id, row.id))
      .returning()
    if (!updated) throw new Error('A locked model was not found.')
    const message = name === row.name ? 'Description changed.' : `Renamed from "${row.name}" to "${name}".`
    await modelLog.record(tx, { ...updated, workspaceId: row.workspaceId }, updated.status, message)
    return updated
  })
}

/** Ends building. Canceling a canceled model succeeds and changes nothing. */
export function cancelModel(ctx: Context, model: OwnModel): ModelOutcome<ModelRow> {
  return onModel<ModelRow>(ctx, model, async (tx, row) => {
    if (row.status === 'CANCELED') return row
    if (!modelLifecycle.mayMove(row.status, 'CANCELED'))
      return new ModelStatusConflictError(row.status, 'Only a model that is QUEUED or BUILDING can be canceled.')
    await building.withdraw(tx, ctx, row)
    return modelLifecycle.applyChange(tx, row, { status: 'CANCELED', message: 'Canceled on request.' })
  })
}

/** Builds a FAILED or CANCELED model again, with the same id. */
export function retryModel(ctx: Context, model: OwnModel): ModelOutcome<ModelRow> {
  return onModel<ModelRow>(ctx, model, async (tx, row) => {
    if (!modelLifecycle.mayMove(row.status, 'QUEUED'))
      return new ModelStatusConflictError(row.status, 'Only a model that is FAILED or CANCELED can be retried.')
    const again = { attempt: row.attempt + 1, failedTries: 0, heldBy: null, deadRuns: [], ...building.newPosition(ctx, row) }
    const queued = await modelLifecycle.applyChange(tx, row, { status: 'QUEUED', message: 'Waiting for a worker again.', progress: 0 }, again)
    await building.enqueue(tx, ctx, queued)
    return queued
  })
}

/** Deletes a model that no deployment uses. The log is kept for a week. Deleting the model again succeeds. */
export async function deleteModel(ctx: Context, model: OwnModel): ModelOutcome<OwnModel> {
  const outcome = await onModel<OwnModel>(ctx, model, async (tx, row) => {
    const users = await findUsers(tx, row.id)
    if (users.length) return new ModelInUseError(users)
    await building.withdraw(tx, ctx, row)
    await letExpire(tx, { modelId: row.id })
    await modelLifecycle.remove(tx, row, { status: 'DELETING', message: `Deleted "${row.name}".` })
    return model
  })
  if (!(outcome instanceof ModelNotFoundError)) return outcome
  const removal = await modelLog.findRemoval(ctx.store.db, { workspaceId: ctx.viewer.workspaceId, id: model.id })
  return removal?.kind === model.kind ? model : outcome
}

const maxUsers = 20

/** The deployments that serve the model, then those that hold the model in another revision, each with the newest such revision. */
async function findUsers(tx: Tx, modelId: string): Promise<ConstructorParameters<typeof ModelInUseError>[0]> {
  const { deploymentId, number } = deploymentRevisions
  const isHeld = and(
    eq(deploymentRevisions.deploymentId, deployments.id),
    or(eq(deploymentRevisions.acousticModelId, modelId), eq(deploymentRevisions.languageModelId, modelId)),
  )
  const [serving, holding] = await Promise.all([
    tx
      .select()
      .from(deployments)
      .where(or(eq(deployments.acousticModelId, modelId), eq(deployments.languageModelId, modelId)))
      .orderBy(sortable(deployments.name))
      .limit(maxUsers),
    tx
      .selectDistinctOn([deploymentId], { deployment: deployments, revision: number })
      .from(deploymentRevisions)
      .innerJoin(deployments, isHeld)
      .orderBy(deploymentId, desc(number))
      .limit(maxUsers),
  ])
  const held = holding.filter(({ deployment: { id } }) => !serving.some((one) => one.id === id))
  return [...serving.map((deployment) => ({ deployment })), ...held].slice(0, maxUsers)
}

/** Records that the workspace accepts the model's license. A repetition changes nothing. */
export async function acceptLicense(ctx: Context, { kind, id }: OwnModel): ModelOutcome<ModelRow> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  const model = await findModel(ctx, kind, id)
  if (!model) return new ModelNotFoundError('modelId', kind.toLowerCase())
  const { workspaceId, keyId } = ctx.viewer
  await ctx.store.db.insert(licenseAcceptances).values({ workspaceId, license: model.license, keyId }).onConflictDoNothing()
  return model
}
