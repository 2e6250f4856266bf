import { and, eq, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type DeploymentRow, deployments } from '../postgres/tables.ts'
import { checkCompatibility } from './compatibility.ts'
import type { Context } from './context.ts'
import { DuplicateDeploymentNameError, ExpectedError, ValidationError } from './errors.ts'
import { provisionDeployment } from './jobs.ts'
import { findModels } from './model.ts'
import { type Order, type PageArgs, readPage } from './page.ts'
import { recordEvent } from './status.ts'
import { nameText, proseText, validate } from './text.ts'

export interface NewDeployment {
  name: string
  description?: string | null | undefined
  locale: string
  acousticModelId: string
  languageModelId: string
}

/** Records the deployment and asks for its provisioning, or does neither. */
export async function createDeployment(ctx: Context, wanted: NewDeployment): Promise<DeploymentRow | ExpectedError> {
  const input = validate(newDeployment(ctx), wanted)
  if (input instanceof ValidationError) return input
  const found = await findModels(ctx, input)
  if (found instanceof ExpectedError) return found
  const incompatible = await checkCompatibility(ctx, input.locale, found.acoustic, found.language)
  if (incompatible) return incompatible

  return ctx.store.db.transaction(async (tx) => {
    const [created] = await tx
      .insert(deployments)
      .values({ ...input, workspaceId: ctx.viewer.workspaceId, status: 'QUEUED', sequence: 1 })
      .onConflictDoNothing()
      .returning()
    if (!created) return new DuplicateDeploymentNameError(input.name, input.locale)
    await recordEvent(tx, created, null, 'Waiting for a worker.')
    await ctx.store.queue.enqueue(tx, provisionDeployment, { deploymentId: created.id })
    return created
  })
}

const newDeployment = ({ catalog }: Context) =>
  z.object({
    name: nameText,
    description: proseText.nullish().transform((text) => text ?? ''),
    locale: z.string().refine((locale) => catalog.references.has(locale), {
      error: `has no models; there are models for ${[...catalog.references.keys()].join(', ')}`,
    }),
    acousticModelId: z.string(),
    languageModelId: z.string(),
  })

export async function findDeployment(ctx: Context, id: string): Promise<DeploymentRow | null> {
  const [row] = await ctx.store.db
    .select()
    .from(deployments)
    .where(and(mine(ctx, {}), eq(deployments.id, id)))
  return row ?? null
}

export interface DeploymentFilter {
  locale?: string | null | undefined
}

const newestFirst: Order<DeploymentRow> = {
  columns: [sql`${deployments.id}`],
  keys: (deployment) => [deployment.id],
  descending: true,
}

export function listDeployments(ctx: Context, args: PageArgs & { where?: DeploymentFilter | null | undefined }) {
  const filter = args.where ?? {}
  const where = mine(ctx, filter)
  return readPage(args, newestFirst, {
    select: (bounds, orderBy, limit) =>
      ctx.store.db
        .select()
        .from(deployments)
        .where(and(where, bounds))
        .orderBy(...orderBy)
        .limit(limit),
    count: () => countDeployments(ctx, filter),
  })
}

export function countDeployments(ctx: Context, filter: DeploymentFilter): Promise<number> {
  return ctx.store.db.$count(deployments, mine(ctx, filter))
}

function mine(ctx: Context, filter: DeploymentFilter): SQL | undefined {
  return and(eq(deployments.workspaceId, ctx.viewer.workspaceId), filter.locale ? eq(deployments.locale, filter.locale) : undefined)
}
