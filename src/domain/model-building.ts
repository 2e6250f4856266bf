import { and, eq, inArray, lt, sql } from 'drizzle-orm'
import type { Tx } from '../postgres/client.ts'
import { type ModelFailure, type ModelKind, type ModelRow, models, modelTexts } from '../postgres/tables.ts'
import type { Service } from './context.ts'
import { type BuildingPayload, trainLanguageModel, validateAcousticModel } from './jobs.ts'
import { type CustomModelRow, isModelTerminal, type ModelClaim, modelLifecycle } from './model-status.ts'
import { changeWorkspace } from './turnstile.ts'

/** A passing failure is tried again this often, each time after twice the pause, in seconds. */
const mostTries = 5
const firstPause = 1

const jobOf: Record<ModelKind, typeof trainLanguageModel> = { LANGUAGE: trainLanguageModel, ACOUSTIC: validateAcousticModel }

/** Asks for the model to be built; a delay is in seconds. */
export async function enqueueBuilding(tx: Tx, { store }: Pick<Service, 'store'>, row: CustomModelRow, delay = 0): Promise<void> {
  const { id: modelId, workspaceId, attempt, failedTries } = row
  const jobId = await store.queue.enqueue(tx, jobOf[row.kind], { modelId, workspaceId, attempt, failedTries }, { priority: 0, delay })
  await tx.update(models).set({ jobId }).where(eq(models.id, modelId))
}

/** Takes the wish back; a worker that is at it already learns it from the row. */
export async function removeBuilding(tx: Tx, { store }: Pick<Service, 'store'>, { jobId, kind }: ModelRow): Promise<void> {
  if (jobId) await store.queue.remove(tx, jobOf[kind], jobId)
}

export const buildingDeadline = ({ limits }: Pick<Service, 'limits'>) => sql`clock_timestamp() + make_interval(secs => ${limits.deadlineSeconds})`

/** Takes the model into one worker's hands; answers undefined when nobody wants it built any more. */
export function claimModel({ store }: Service, payload: BuildingPayload): Promise<(ModelClaim & { run: number }) | undefined> {
  const { modelId, workspaceId, attempt } = payload
  return changeWorkspace(store.db, workspaceId, async (tx) => {
    const row = await modelLifecycle.findClaimed(tx, payload)
    if (!row || isModelTerminal(row.status)) return undefined
    const run = row.run + 1
    await tx.update(models).set({ run }).where(eq(models.id, modelId))
    return { modelId, workspaceId, attempt, run }
  })
}

/** True while the claim is the newest and the model still to be built. */
export async function holdsModelClaim({ store }: Service, { modelId, attempt, run }: ModelClaim): Promise<boolean> {
  const [row] = await store.db.select().from(models).where(eq(models.id, modelId))
  return row?.attempt === attempt && row.run === run && !isModelTerminal(row.status)
}

/** Ends the building for good, until somebody tries it again. */
export function failModel({ store }: Service, claim: ModelClaim, failure: ModelFailure): Promise<ModelRow | undefined> {
  return modelLifecycle.recordChange(store.db, claim, { status: 'FAILED', message: failure.message, failure })
}

/** Tries again after a pause when tries are left; else ends the building. */
export async function failModelTry(service: Service, claim: ModelClaim, failedBefore: number, failure: ModelFailure): Promise<void> {
  const failedTries = failedBefore + 1
  if (failedTries >= mostTries) {
    await failModel(service, claim, failure)
    return
  }
  const pause = firstPause * 2 ** failedBefore
  const told = `Try ${failedTries} of ${mostTries} failed, the next is in ${pause} s. ${failure.message}`
  await modelLifecycle.recordChange(service.store.db, claim, { status: 'BUILDING', stage: failure.stage, message: told }, async (tx, row) => {
    await tx.update(models).set({ failedTries }).where(eq(models.id, row.id))
    await enqueueBuilding(tx, service, { ...row, failedTries }, pause)
  })
}

/** What a job needs to know: the model, the one that it grows from, and its text if that came with the wish. */
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

/** Fails what was not built in time, whatever the reason. Any process may do it at any time. */
export async function enforceModelDeadlines(service: Service): Promise<void> {
  const { store, limits } = service
  const overdue = and(inArray(models.status, ['QUEUED', 'BUILDING']), lt(models.deadlineAt, sql`clock_timestamp()`))
  for (const row of await store.db.select().from(models).where(overdue).limit(100)) {
    const claim = { modelId: row.id, workspaceId: row.workspaceId ?? '', attempt: row.attempt, run: row.run }
    const message =
      row.status === 'QUEUED'
        ? `No worker took it within ${limits.deadlineSeconds} s. Check that a process with the role jobs is running, then try again.`
        : `It was not built within ${limits.deadlineSeconds} s and was given up. Try it again, or with less text.`
    const failed = await failModel(service, claim, { stage: row.stage ?? 'CHECKING', code: 'DEADLINE_EXCEEDED', message })
    if (failed) await store.db.transaction((tx) => removeBuilding(tx, service, row))
  }
}
