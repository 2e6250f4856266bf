import { and, eq } from 'drizzle-orm'
import { z } from 'zod'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import { type DeploymentRow, deployments } from '../postgres/deployment-tables.ts'
import { checkCompatibility } from './compatibility.ts'
import { type Context, checkScope, inTransaction } from './context.ts'
import { countDeployments } from './deployment.ts'
import { DuplicateDeploymentNameError } from './deployment-errors.ts'
import { deploymentLog, provisioning } from './deployment-lifecycle.ts'
import { ExpectedError, QuotaExceededError, ValidationError } from './errors.ts'
import { findEarlier, idempotencyKeyText, remember } from './idempotency.ts'
import { findModels } from './model.ts'
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

/** Inserts the deployment and enqueues its provisioning in one transaction. */
export async function createDeployment(ctx: Context, wanted: NewDeployment): Promise<DeploymentRow | ExpectedError> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  const input = validate(newDeployment(ctx), wanted)
  if (input instanceof ValidationError) return input
  const { idempotencyKey, ...values } = input
  const { workspaceId } = ctx.viewer

  return changeWorkspace(ctx.store.db, workspaceId, async (tx) => {
    const earlier = idempotencyKey && (await findEarlier(tx, 'deployment', workspaceId, idempotencyKey, values))
    if (earlier) return earlier instanceof ExpectedError ? earlier : earlier.made
    const [problem] = await findProblems(inTransaction(ctx, tx), values)
    if (problem) return problem
    const [created] = await tx
      .insert(deployments)
      .values({ ...values, workspaceId, status: 'QUEUED', sequence: 1, ...(await provisioning.takePosition(tx, ctx, { workspaceId })) })
      .onConflictDoNothing()
      .returning()
    if (!created) return new DuplicateDeploymentNameError(values.name, values.locale)
    if (idempotencyKey) await remember(tx, workspaceId, idempotencyKey, values, { deploymentId: created.id })
    await deploymentLog.record(tx, created, null, 'Waiting for a worker.')
    await provisioning.enqueue(tx, ctx, created)
    return created
  })
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

/** All problems with the models, the name and the quota, the most important first. */
async function findProblems(ctx: Context, wanted: NewDeployment): Promise<ExpectedError[]> {
  const found = await findModels(ctx, wanted)
  const problems: ExpectedError[] = found.problems
  if (found.acoustic && found.language && ctx.catalog.references.has(wanted.locale)) {
    const incompatible = await checkCompatibility(ctx, wanted.locale, found.acoustic, found.language)
    if (incompatible) problems.push(incompatible)
  }
  const isOfLocale = and(eq(deployments.workspaceId, ctx.viewer.workspaceId), eq(deployments.locale, storable(wanted.locale)))
  const sameName = and(isOfLocale, eq(nameKey(deployments.name), nameKey(storable(wanted.name))))
  if (await ctx.store.db.$count(deployments, sameName)) problems.push(new DuplicateDeploymentNameError(wanted.name, wanted.locale))
  const used = await countDeployments(ctx)
  if (used >= ctx.limits.deployments) problems.push(new QuotaExceededError('deployments', ctx.limits.deployments, used))
  return problems
}

const newDeployment = ({ catalog }: Context) =>
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
