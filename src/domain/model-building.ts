import { and, eq, lt, sql } from 'drizzle-orm'
import { createJobClaims } from '../lifecycle/job-claims.ts'
import { trainLanguageModel, validateAcousticModel } from '../lifecycle/job-definitions.ts'
import { isUnfinished, modelQueue } from '../lifecycle/queue-position.ts'
import { isNoneOf } from '../postgres/columns.ts'
import { type ModelKind, type ModelRow, models, modelTexts } from '../postgres/tables.ts'
import type { Service } from './context.ts'
import { enforceEach } from './deployment-deadline.ts'
import { modelLifecycle } from './model-lifecycle.ts'

const jobOf: Record<ModelKind, typeof trainLanguageModel> = { LANGUAGE: trainLanguageModel, ACOUSTIC: validateAcousticModel }

/** How custom models get to workers. */
export const building = createJobClaims('modelId', modelQueue, modelLifecycle, ({ kind }) => jobOf[kind])

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
  const find = async (held: readonly string[]) => {
    const overdue = and(isUnfinished(modelQueue), lt(models.deadlineAt, sql`clock_timestamp()`), isNoneOf(models.workspaceId, [...held]))
    const rows = await service.store.db.select().from(models).where(overdue).orderBy(models.deadlineAt).limit(100)
    return rows.map((row) => ({ ...row, workspaceId: row.workspaceId ?? '' }))
  }
  await enforceEach(service, find, ({ id: modelId, workspaceId, attempt, run, status, stage }) => {
    const { deadlineSeconds } = service.limits
    const message =
      status === 'QUEUED'
        ? `No worker took it within ${deadlineSeconds} s. Check that a process with the role jobs is running, then try again.`
        : `It was not built within ${deadlineSeconds} s and was given up. Try it again, or with less text.`
    const failure = { stage: stage ?? 'CHECKING', code: 'DEADLINE_EXCEEDED', message } as const
    return building.fail(service, { modelId, workspaceId, attempt, run }, failure)
  })
}
