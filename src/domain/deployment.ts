import DataLoader from 'dataloader'
import { and, eq, inArray, or, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { readStatusCounts, type StatusCount } from '../lifecycle/deployment-counts.ts'
import { readPresentCursor } from '../lifecycle/event-cursor.ts'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import type { Db } from '../postgres/client.ts'
import { type DeploymentRow, type DeploymentStatus, deploymentStatus, deployments } from '../postgres/deployment-tables.ts'
import { runSearch, SearchTimeout } from '../postgres/search.ts'
import type { ModelRow } from '../postgres/tables.ts'
import { checkCompatibility } from './compatibility.ts'
import { type Context, checkScope, inTransaction } from './context.ts'
import { deploymentLog, provisioning } from './deployment-lifecycle.ts'
import { DuplicateDeploymentNameError, ExpectedError, QuotaExceededError, SearchTimeoutError, ValidationError } from './errors.ts'
import { findEarlier, idempotencyKeyText, remember } from './idempotency.ts'
import { findModels } from './model.ts'
import { type Order, type Page, type PageArgs, readPage } from './pagination.ts'
import { keyText, momentText, nameKey, nameText, proseText, sortable, storable, toSearchPattern, validate } from './validation.ts'

export interface NewDeployment {
  name: string
  description?: string | null | undefined
  locale: string
  acousticModelId: string
  languageModelId: string
  /** Sent again with the same input, it answers the same deployment. */
  idempotencyKey?: string | null | undefined
}

/** Records the deployment and asks for its provisioning, or does neither. */
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
      .values({ ...values, workspaceId, status: 'QUEUED', sequence: 1, ...(await provisioning.takePlace(tx, ctx, { workspaceId })) })
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
  /** What `createDeployment` would answer again, since the idempotency key has made it. */
  existing: DeploymentRow | null
}

/** What `createDeployment` would answer, as far as can be said before: every problem, not only the first. */
export async function preflightDeployment(ctx: Context, wanted: NewDeployment): Promise<Preflight> {
  const problems: ExpectedError[] = []
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) problems.push(refused)
  const input = validate(newDeployment(ctx), wanted)
  if (input instanceof ValidationError) return { problems: [...problems, input, ...(await findProblems(ctx, wanted))], existing: null }
  const { idempotencyKey, ...values } = input
  const earlier = idempotencyKey ? await findEarlier(ctx.store.db, 'deployment', ctx.viewer.workspaceId, idempotencyKey, values) : undefined
  // A repetition is answered as it was, whatever stands against another one by now.
  if (earlier && !(earlier instanceof ExpectedError)) return { problems, existing: earlier.made }
  return { problems: [...problems, ...(earlier ? [earlier] : []), ...(await findProblems(ctx, values))], existing: null }
}

/** Everything that stands against deploying these models under this name, in the order of its weight. */
async function findProblems(ctx: Context, wanted: NewDeployment): Promise<ExpectedError[]> {
  const found = await findModels(ctx, wanted)
  const problems: ExpectedError[] = found.problems
  if (found.acoustic && found.language && ctx.catalog.references.has(wanted.locale)) {
    const incompatible = await checkCompatibility(ctx, wanted.locale, found.acoustic, found.language)
    if (incompatible) problems.push(incompatible)
  }
  const sameName = and(mine(ctx, { locale: wanted.locale }), eq(nameKey(deployments.name), nameKey(storable(wanted.name))))
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
      error: `has no models; there are models for ${[...catalog.references.keys()].join(', ')}`,
    }),
    acousticModelId: z.string(),
    languageModelId: z.string(),
    idempotencyKey: idempotencyKeyText,
  })

export async function findDeployment(ctx: Context, id: string): Promise<DeploymentRow | null> {
  const [row] = await ctx.store.db
    .select()
    .from(deployments)
    .where(and(mine(ctx, {}), eq(deployments.id, id)))
  return row ?? null
}

export type LoadDeployment = (id: string) => Promise<DeploymentRow | null>

/** Batches look-ups by id; keeps nothing, since deployments change and subscriptions live long. */
export function createDeploymentLoader(ctx: Context): LoadDeployment {
  const loader = new DataLoader<string, DeploymentRow | null>(
    async (ids) => {
      const rows = await ctx.store.db
        .select()
        .from(deployments)
        .where(and(mine(ctx, {}), inArray(deployments.id, [...new Set(ids)])))
      const found = new Map(rows.map((row) => [row.id, row]))
      return ids.map((id) => found.get(id) ?? null)
    },
    { cache: false },
  )
  return (id) => loader.load(id)
}

export interface DeploymentFilter {
  locale?: string | null | undefined
  statuses?: readonly DeploymentStatus[] | null | undefined
  /** A model's id; deployments with it as either of theirs. */
  modelId?: string | null | undefined
  /** In the name or the description, whatever its case. */
  text?: string | null | undefined
}

type DeploymentOrderField = 'CREATED_AT' | 'NAME' | 'STATUS' | 'UPDATED_AT'

interface DeploymentOrder {
  field: DeploymentOrderField
  direction: 'ASC' | 'DESC'
}

const createdKey = [sql`${deployments.id}`]
const orders: Record<DeploymentOrderField, Omit<Order<DeploymentRow>, 'descending'>> = {
  // UUIDv7 ids sort by the moment of their making.
  CREATED_AT: { columns: createdKey, keys: (row) => [row.id], shape: z.tuple([z.uuid()]) },
  NAME: {
    columns: [sortable(deployments.name), ...createdKey],
    keys: (row) => [row.name, row.id],
    shape: z.tuple([keyText, z.uuid()]),
  },
  STATUS: {
    columns: [sql`${deployments.status}`, ...createdKey],
    keys: (row) => [row.status, row.id],
    shape: z.tuple([z.enum(deploymentStatus.enumValues), z.uuid()]),
  },
  UPDATED_AT: {
    columns: [sql`${deployments.updatedAt}`, ...createdKey],
    keys: (row) => [row.updatedAt.toISOString(), row.id],
    shape: z.tuple([momentText, z.uuid()]),
  },
}

export interface ListDeployments extends PageArgs {
  where?: DeploymentFilter | null | undefined
  orderBy?: DeploymentOrder | null | undefined
  /** True to have the cursor of later changes as well, which costs a statement. */
  withChangesCursor?: boolean
}

/** A page, its counts over all pages, and the cursor of everything that changes after it was read. */
export type DeploymentPage = Page<DeploymentRow, number | SearchTimeoutError> & {
  /** The number of deployments in each status, whatever statuses the filter names. */
  statusCounts: () => Promise<StatusCount[] | SearchTimeoutError>
  changesCursor: string | undefined
}

export async function listDeployments(ctx: Context, args: ListDeployments): Promise<DeploymentPage | ExpectedError> {
  const filter = args.where ?? {}
  const where = mine(ctx, filter)
  const { field, direction } = args.orderBy ?? { field: 'CREATED_AT', direction: 'DESC' }
  // Read before the rows: what changes in between is told twice rather than never.
  const changesCursor = args.withChangesCursor ? await readPresentCursor(ctx, deploymentLog) : undefined
  // One statement answers both counts of a page.
  let counts: Promise<StatusCount[] | SearchTimeoutError> | undefined
  const statusCounts = () => {
    counts ??= withinTime(() => countStatuses(ctx, filter))
    return counts
  }
  const totalCount = async () => {
    const found = await statusCounts()
    return found instanceof ExpectedError ? found : sum(found.filter(({ status }) => filter.statuses?.includes(status) ?? true))
  }
  const page = await withinTime(() =>
    readPage<DeploymentRow, number | SearchTimeoutError>(
      args,
      { ...orders[field], descending: direction === 'DESC' },
      {
        select: (bounds, orderBy, limit) =>
          run(ctx, filter, (db) =>
            db
              .select()
              .from(deployments)
              .where(and(where, bounds))
              .orderBy(...orderBy)
              .limit(limit),
          ),
        count: totalCount,
      },
    ),
  )
  return page instanceof ExpectedError ? page : { ...page, statusCounts, changesCursor }
}

const sum = (counts: readonly StatusCount[]) => counts.reduce((all, { count }) => all + count, 0)

/** The number of deployments that count against the workspace's limit. */
export const countDeployments = async ({ store, viewer }: Context): Promise<number> => sum(await readStatusCounts(store.db, viewer.workspaceId))

/** Reads the counters where they know enough, and counts rows for other filters. */
function countStatuses(ctx: Context, filter: DeploymentFilter): Promise<StatusCount[]> {
  const { locale, modelId, text } = filter
  if (!modelId && !text) return readStatusCounts(ctx.store.db, ctx.viewer.workspaceId, locale ? storable(locale) : undefined)
  return run(ctx, filter, (db) =>
    db
      .select({ status: deployments.status, count: sql<number>`count(*)::int` })
      .from(deployments)
      .where(mine(ctx, { ...filter, statuses: null }))
      .groupBy(deployments.status)
      .orderBy(deployments.status),
  )
}

const run = <T>({ store }: Context, { modelId, text }: DeploymentFilter, read: (db: Db) => Promise<T>): Promise<T> =>
  modelId || text ? runSearch(store.db, read) : read(store.db)

const withinTime = <T>(read: () => Promise<T>): Promise<T | SearchTimeoutError> =>
  read().catch((error: unknown) => {
    if (error instanceof SearchTimeout) return new SearchTimeoutError()
    throw error
  })

/** Deployments that hold the model, for whoever wants to retire it. */
const usesModel = (model: Pick<ModelRow, 'id'>) => or(eq(deployments.acousticModelId, model.id), eq(deployments.languageModelId, model.id))

function mine(ctx: Context, { locale, statuses, modelId, text }: DeploymentFilter): SQL | undefined {
  return and(
    eq(deployments.workspaceId, ctx.viewer.workspaceId),
    locale ? eq(deployments.locale, storable(locale)) : undefined,
    statuses ? inArray(deployments.status, [...statuses]) : undefined,
    modelId ? usesModel({ id: modelId }) : undefined,
    text ? sql`${nameKey(storable(text))} <> '' and search_key like ${toSearchPattern(text)}` : undefined,
  )
}
