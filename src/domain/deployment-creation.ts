import { and, eq, getColumns, inArray, sql } from 'drizzle-orm'
import { z } from 'zod'
import { countedDeployments } from '../lifecycle/deployment-counts.ts'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import type { Tx } from '../postgres/client.ts'
import { type DeploymentRow, deployments } from '../postgres/deployment-tables.ts'
import { models } from '../postgres/tables.ts'
import { commitWith } from '../postgres/transaction.ts'
import { checkCompatibility, explainIncompatibility } from './compatibility.ts'
import { type Context, checkScope, inTransaction } from './context.ts'
import { countDeployments } from './deployment.ts'
import { DuplicateDeploymentNameError } from './deployment-errors.ts'
import { deploymentLog, provisioning } from './deployment-lifecycle.ts'
import { ExpectedError, QuotaExceededError, ValidationError } from './errors.ts'
import { findEarlier, idempotencyKeyText, remember } from './idempotency.ts'
import { choosable, findKnownModels, findModels, isLicenseAccepted } from './model.ts'
import { nameKey, nameText, proseText, storable, validate } from './validation.ts'

export interface NewDeployment {
  name: string
  description?: string | null | undefined
  locale: string
  acousticModelId: string
  languageModelId: string
  /** A repetition with the same key and input returns the same deployment. */
  idempotencyKey?: string | null | undefined
}

type NewValues = Omit<z.infer<ReturnType<typeof buildNewDeployment>>, 'idempotencyKey'>

/** Inserts the deployment and enqueues its provisioning in one transaction. */
export async function createDeployment(ctx: Context, wanted: NewDeployment): Promise<DeploymentRow | ExpectedError> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  const input = validate(newDeployment(ctx), wanted)
  if (input instanceof ValidationError) return input
  const { idempotencyKey, ...values } = input
  return (await createPermitted(ctx, values, idempotencyKey)) ?? createChecked(ctx, values, idempotencyKey)
}

/** The deployment was refused under the lock, so the transaction is rolled back. */
class RefusedError extends Error {}

/**
 * Creates the deployment with few statements. Undefined, with nothing changed, when something is against it:
 * `createChecked` finds the problem then.
 */
async function createPermitted(ctx: Context, values: NewValues, key: string | null | undefined): Promise<DeploymentRow | undefined> {
  if (!(await seemCompatible(ctx, values))) return undefined
  try {
    return await changeWorkspace(ctx.store.db, ctx.viewer.workspaceId, async (tx) => {
      if (key && (await findEarlier(tx, 'deployment', ctx.viewer.workspaceId, key, values))) throw new RefusedError()
      const inserted = await insertDeployment(ctx, tx, values)
      if (!inserted || inserted.used >= ctx.limits.deployments || inserted.readyModels !== 2) throw new RefusedError()
      return queueDeployment(ctx, tx, inserted.created, values, key)
    })
  } catch (error) {
    if (error instanceof RefusedError || isMissingReference(error)) return undefined
    throw error
  }
}

/**
 * False when the two models cannot be deployed together. The insertion checks again whether the workspace has them and
 * whether they are ready: base models come from memory.
 */
async function seemCompatible(ctx: Context, { locale, acousticModelId, languageModelId }: NewValues): Promise<boolean> {
  const [acoustic, language] = await findKnownModels(ctx, [acousticModelId, languageModelId])
  if (acoustic?.kind !== 'ACOUSTIC' || language?.kind !== 'LANGUAGE') return false
  return !explainIncompatibility(locale, acoustic, language) && isLicenseAccepted(ctx, acoustic)
}

/** True for a violation of a foreign key, by a model that was deleted after it was read. */
const isMissingReference = (error: unknown) => error instanceof Error && (error.cause as { code?: string } | undefined)?.code === '23503'

/** Creates the deployment after every check, and returns the problem that is found first. */
function createChecked(ctx: Context, values: NewValues, key: string | null | undefined): Promise<DeploymentRow | ExpectedError> {
  const { workspaceId } = ctx.viewer
  return changeWorkspace(ctx.store.db, workspaceId, async (tx) => {
    const earlier = key && (await findEarlier(tx, 'deployment', workspaceId, key, values))
    if (earlier) return earlier instanceof ExpectedError ? earlier : earlier.made
    const [problem] = await findProblems(inTransaction(ctx, tx), values)
    if (problem) return problem
    const inserted = await insertDeployment(ctx, tx, values)
    if (!inserted) return new DuplicateDeploymentNameError(values.name, values.locale)
    return queueDeployment(ctx, tx, inserted.created, values, key)
  })
}

/** Inserts the row unless its name is in use. The counts are those before the insertion. */
async function insertDeployment(ctx: Context, tx: Tx, values: NewValues) {
  const { workspaceId } = ctx.viewer
  const ready = and(choosable(ctx, { statuses: ['READY'] }), inArray(models.id, [values.acousticModelId, values.languageModelId]))
  const readyModels = sql<number>`(select count(*)::int from ${models} where ${ready})`
  const [inserted] = await tx
    .insert(deployments)
    .values({ ...values, workspaceId, status: 'QUEUED', sequence: 1, ...provisioning.newPosition(ctx, { workspaceId }) })
    .onConflictDoNothing()
    .returning({ ...getColumns(deployments), used: countedDeployments(workspaceId), readyModels })
  if (!inserted) return undefined
  const { used, readyModels: found, ...created } = inserted
  return { created, used, readyModels: found }
}

/** Records the first event and enqueues the job. The statements share one round trip, since none needs the answer to another. */
async function queueDeployment(ctx: Context, tx: Tx, created: DeploymentRow, values: NewValues, key: string | null | undefined): Promise<DeploymentRow> {
  const last = [deploymentLog.record(tx, created, null, 'Waiting for a worker.'), provisioning.enqueue(tx, ctx, created)]
  if (!key) return commitWith(created, last)
  await Promise.all([...last, remember(tx, created.workspaceId, key, values, { deploymentId: created.id })])
  return created
}

export interface Preflight {
  problems: ExpectedError[]
  /** The deployment that the idempotency key has already created. */
  existing: DeploymentRow | null
}

/** Finds every problem with which `createDeployment` would refuse the input, without creating anything. */
export async function preflightDeployment(ctx: Context, wanted: NewDeployment): Promise<Preflight> {
  const problems: ExpectedError[] = []
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) problems.push(refused)
  const input = validate(newDeployment(ctx), wanted)
  if (input instanceof ValidationError) return { problems: [...problems, input, ...(await findProblems(ctx, wanted))], existing: null }
  const { idempotencyKey, ...values } = input
  const earlier = idempotencyKey ? await findEarlier(ctx.store.db, 'deployment', ctx.viewer.workspaceId, idempotencyKey, values) : undefined
  // A repetition returns the existing deployment, even when a new one would be refused.
  if (earlier && !(earlier instanceof ExpectedError)) return { problems, existing: earlier.made }
  return { problems: [...problems, ...(earlier ? [earlier] : []), ...(await findProblems(ctx, values))], existing: null }
}

/** All problems with two models for a deployment of the locale, the most important first. */
export async function findModelProblems(ctx: Context, wanted: Pick<NewDeployment, 'locale' | 'acousticModelId' | 'languageModelId'>): Promise<ExpectedError[]> {
  const { acoustic, language, problems } = await findModels(ctx, wanted)
  const isComparable = acoustic && language && ctx.catalog.references.has(wanted.locale)
  const incompatible = isComparable ? await checkCompatibility(ctx, wanted.locale, acoustic, language) : undefined
  return incompatible ? [...problems, incompatible] : problems
}

/** All problems with the models, the name and the quota, the most important first. */
export async function findProblems(ctx: Context, wanted: NewDeployment): Promise<ExpectedError[]> {
  const problems = await findModelProblems(ctx, wanted)
  const isOfLocale = and(eq(deployments.workspaceId, ctx.viewer.workspaceId), eq(deployments.locale, storable(wanted.locale)))
  const sameName = and(isOfLocale, eq(nameKey(deployments.name), nameKey(storable(wanted.name))))
  if (await ctx.store.db.$count(deployments, sameName)) problems.push(new DuplicateDeploymentNameError(wanted.name, wanted.locale))
  const used = await countDeployments(ctx)
  if (used >= ctx.limits.deployments) problems.push(new QuotaExceededError('deployments', ctx.limits.deployments, used))
  return problems
}

const newDeployments = new WeakMap<Context['catalog'], ReturnType<typeof buildNewDeployment>>()

/** The shape of the input. Each catalog has one, since building takes longer than validation. */
function newDeployment({ catalog }: Context) {
  const known = newDeployments.get(catalog)
  if (known) return known
  const built = buildNewDeployment(catalog)
  newDeployments.set(catalog, built)
  return built
}

const buildNewDeployment = (catalog: Context['catalog']) =>
  z.object({
    name: nameText,
    description: proseText.nullish().transform((text) => text ?? ''),
    locale: z.string().refine((locale) => catalog.references.has(locale), {
      error: `has no models. Choose one of ${[...catalog.references.keys()].join(', ')}`,
    }),
    acousticModelId: z.string(),
    languageModelId: z.string(),
    idempotencyKey: idempotencyKeyText,
  })
