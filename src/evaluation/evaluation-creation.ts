import { and, eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { checkCompatibility } from '../domain/compatibility.ts'
import { type Context, checkScope, inTransaction } from '../domain/context.ts'
import { DeploymentNotFoundError } from '../domain/deployment-errors.ts'
import { ExpectedError, QuotaExceededError, ValidationError } from '../domain/errors.ts'
import { findEarlier, idempotencyKeyText, letExpire, remember } from '../domain/idempotency.ts'
import { findModels } from '../domain/model.ts'
import { ModelNotFoundError } from '../domain/model-errors.ts'
import { validate } from '../domain/validation.ts'
import { evaluationQueue, isUnfinished } from '../lifecycle/queue-position.ts'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import type { Db, Tx } from '../postgres/client.ts'
import { deploymentRevisions, deployments } from '../postgres/deployment-tables.ts'
import { type EvaluationRow, evaluations, type TestSetRow } from '../postgres/evaluation/evaluation-tables.ts'
import { EvaluationNotFoundError, EvaluationStatusConflictError, TestSetNotFoundError, TestSetNotReadyError } from './errors.ts'
import { evaluating, evaluationLifecycle, evaluationLimits, evaluationLog } from './evaluation-lifecycle.ts'
import { findTestSet } from './test-set.ts'

/** The maximum number of unfinished evaluations of a workspace. */
export const maxUnfinished = 50
/** The maximum number of ended evaluations of a workspace. The oldest are removed first. */
export const maxEnded = 200

export interface NewEvaluation {
  testSetId: string
  deploymentId?: string | null | undefined
  /** The number of a revision of the deployment; the current one without a number. */
  revision?: number | null | undefined
  acousticModelId?: string | null | undefined
  languageModelId?: string | null | undefined
  /** A repetition with the same key and input returns the same evaluation. */
  idempotencyKey?: string | null | undefined
}

const shape = z
  .object({
    testSetId: z.string(),
    deploymentId: z.string().nullish(),
    revision: z.int().nullish(),
    acousticModelId: z.string().nullish(),
    languageModelId: z.string().nullish(),
    idempotencyKey: idempotencyKeyText,
  })
  .refine(
    ({ deploymentId, acousticModelId, languageModelId }) =>
      deploymentId == null ? acousticModelId != null && languageModelId != null : acousticModelId == null && languageModelId == null,
    { path: ['deploymentId'], error: 'or both acousticModelId and languageModelId are required, but not all three' },
  )
  .refine(({ deploymentId, revision }) => revision == null || deploymentId != null, { path: ['revision'], error: 'needs deploymentId' })

/** The models that an evaluation runs, and the deployment from which they come. */
interface EvaluatedModels {
  acousticModelId: string
  languageModelId: string
  deploymentId: string | null
  revision: number | null
}

/** Inserts an evaluation and enqueues its job in one transaction. */
export async function createEvaluation(ctx: Context, wanted: NewEvaluation): Promise<EvaluationRow | ExpectedError> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  const input = validate(shape, wanted)
  if (input instanceof ValidationError) return input
  const { idempotencyKey, ...values } = input
  const { workspaceId } = ctx.viewer
  return changeWorkspace(ctx.store.db, workspaceId, async (tx) => {
    const earlier = idempotencyKey && (await findEarlier(tx, 'evaluation', workspaceId, idempotencyKey, values))
    if (earlier) return earlier instanceof ExpectedError ? earlier : earlier.made
    const inside = inTransaction(ctx, tx)
    const testSet = await findTestSet(inside, values.testSetId)
    if (!testSet) return new TestSetNotFoundError('testSetId')
    if (testSet.status !== 'READY') return new TestSetNotReadyError(testSet)
    const models =
      values.deploymentId == null ? await chooseModels(inside, testSet, values) : await findDeployed(inside, testSet, values.deploymentId, values.revision)
    if (models instanceof ExpectedError) return models
    const problem = await checkQuota(tx, workspaceId)
    if (problem) return problem
    const [created] = await tx
      .insert(evaluations)
      .values({
        ...models,
        workspaceId,
        testSetId: testSet.id,
        status: 'QUEUED',
        message: 'Waiting for a worker.',
        ...evaluating.newPosition(evaluationLimits, { workspaceId }),
      })
      .returning()
    if (!created) throw new Error('A new evaluation was not inserted.')
    await Promise.all([
      evaluationLog.record(tx, created, null, created.message),
      evaluating.enqueue(tx, ctx, created),
      idempotencyKey ? remember(tx, workspaceId, idempotencyKey, values, { evaluationId: created.id }) : undefined,
    ])
    return created
  })
}

/** The two given models. */
async function chooseModels(ctx: Context, { locale }: TestSetRow, wanted: NewEvaluation): Promise<EvaluatedModels | ExpectedError> {
  const [acousticModelId, languageModelId] = [wanted.acousticModelId ?? '', wanted.languageModelId ?? '']
  const { acoustic, language, problems } = await findModels(ctx, { acousticModelId, languageModelId })
  const [problem] = problems
  if (problem || !acoustic || !language) return problem ?? new ModelNotFoundError('acousticModelId', 'acoustic')
  if (acoustic.locale === language.locale && acoustic.locale !== locale) return otherLocale(acoustic.locale)
  return (await checkCompatibility(ctx, locale, acoustic, language)) ?? { acousticModelId, languageModelId, deploymentId: null, revision: null }
}

/** The models of a revision of a deployment. They were checked at its creation, and can have left the catalog since. */
async function findDeployed(
  { store, viewer }: Context,
  testSet: TestSetRow,
  deploymentId: string,
  number: number | null | undefined,
): Promise<EvaluatedModels | ExpectedError> {
  const { locale, acousticModelId, languageModelId, revision } = deployments
  const [found] = await store.db
    .select({ locale, acousticModelId, languageModelId, revision })
    .from(deployments)
    .where(and(eq(deployments.id, deploymentId), eq(deployments.workspaceId, viewer.workspaceId)))
  if (!found) return new DeploymentNotFoundError()
  if (found.locale !== testSet.locale) return otherLocale(found.locale)
  const present = { acousticModelId: found.acousticModelId, languageModelId: found.languageModelId, deploymentId, revision: found.revision }
  if (number == null || number === found.revision) return present
  const [other] = await store.db
    .select({ acousticModelId: deploymentRevisions.acousticModelId, languageModelId: deploymentRevisions.languageModelId })
    .from(deploymentRevisions)
    .where(and(eq(deploymentRevisions.deploymentId, deploymentId), eq(deploymentRevisions.number, number)))
  return other ? { ...other, deploymentId, revision: number } : noSuchRevision()
}

const noSuchRevision = () => new ValidationError([{ path: 'revision', message: 'revision must be a number that `deployment { revisions }` lists' }])

const otherLocale = (locale: string) =>
  new ValidationError([{ path: 'testSetId', message: `testSetId must be that of a test set for ${locale}, the locale of the models` }])

/** The number of evaluations that count against the quota. */
export const countUnfinished = (db: Db | Tx, workspaceId: string): Promise<number> =>
  db.$count(evaluations, and(eq(evaluations.workspaceId, workspaceId), isUnfinished(evaluationQueue)))

/** Makes room for one more evaluation. The ended ones are removed, the oldest first; unfinished ones have a quota. */
async function checkQuota(tx: Tx, workspaceId: string): Promise<ExpectedError | undefined> {
  const unfinished = await countUnfinished(tx, workspaceId)
  if (unfinished >= maxUnfinished) return new QuotaExceededError('unfinished evaluations', maxUnfinished, unfinished)
  await removeExcess(tx, workspaceId)
  return undefined
}

/** Removes the oldest ended evaluations of a workspace that has too many. */
export async function removeExcess(tx: Tx, workspaceId: string): Promise<void> {
  await tx.execute(sql`delete from ${evaluations} where id in (
    select id from ${evaluations} where ${eq(evaluations.workspaceId, workspaceId)} and not (${isUnfinished(evaluationQueue)}) order by id desc offset ${maxEnded})`)
}

async function onEvaluation<T>(ctx: Context, id: string, act: (tx: Tx, row: EvaluationRow) => Promise<T | ExpectedError>): Promise<T | ExpectedError> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  const { workspaceId } = ctx.viewer
  return changeWorkspace(ctx.store.db, workspaceId, async (tx) => {
    const [row] = await tx
      .select()
      .from(evaluations)
      .where(and(eq(evaluations.id, id), eq(evaluations.workspaceId, workspaceId)))
      .for('update')
    return row ? act(tx, row) : new EvaluationNotFoundError('id')
  })
}

/** Ends an evaluation. Canceling a canceled evaluation succeeds and changes nothing. */
export function cancelEvaluation(ctx: Context, id: string): Promise<EvaluationRow | ExpectedError> {
  return onEvaluation<EvaluationRow>(ctx, id, async (tx, row) => {
    if (row.status === 'CANCELED') return row
    if (!evaluationLifecycle.mayMove(row.status, 'CANCELED'))
      return new EvaluationStatusConflictError(row.status, 'Only an evaluation that is QUEUED or RUNNING can be canceled.')
    await evaluating.withdraw(tx, ctx, row)
    return evaluationLifecycle.applyChange(tx, row, { status: 'CANCELED', message: 'Canceled on request.' })
  })
}

/** Deletes an evaluation in any status. */
export function deleteEvaluation(ctx: Context, id: string): Promise<{ id: string } | ExpectedError> {
  return onEvaluation(ctx, id, async (tx, row) => {
    await evaluating.withdraw(tx, ctx, row)
    await letExpire(tx, { evaluationId: id })
    await tx.delete(evaluations).where(eq(evaluations.id, id))
    await evaluationLog.record(tx, row, row.status, 'Deleted.')
    return { id }
  })
}
