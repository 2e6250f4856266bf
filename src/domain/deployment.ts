import DataLoader from 'dataloader'
import { and, eq, inArray, or, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { readPresentCursor } from '../lifecycle/event-cursor.ts'
import { isAnyOf } from '../postgres/columns.ts'
import { type DeploymentRow, type DeploymentStatus, deploymentStatus, deployments } from '../postgres/deployment-tables.ts'
import type { ModelRow } from '../postgres/tables.ts'
import type { Context } from './context.ts'
import { deploymentLog } from './deployment-lifecycle.ts'
import { ExpectedError } from './errors.ts'
import { type Order, type Page, type PageArgs, readPage } from './pagination.ts'
import { contains, keyText, momentText, sortable, storable } from './validation.ts'

export async function findDeployment(ctx: Context, id: string): Promise<DeploymentRow | null> {
  const [row] = await ctx.store.db
    .select()
    .from(deployments)
    .where(and(mine(ctx, {}), eq(deployments.id, id)))
  return row ?? null
}

export type LoadDeployment = (id: string) => Promise<DeploymentRow | null>

/** Batches look-ups by id. Nothing is cached, since deployments change during a subscription. */
export function createDeploymentLoader(ctx: Context): LoadDeployment {
  const loader = new DataLoader<string, DeploymentRow | null>(
    async (ids) => {
      const rows = await ctx.store.db
        .select()
        .from(deployments)
        .where(and(mine(ctx, {}), isAnyOf(deployments.id, [...new Set(ids)])))
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
  /** The id of the acoustic or language model. */
  modelId?: string | null | undefined
  /** A part of the name or description. Case is ignored. */
  text?: string | null | undefined
}

type DeploymentOrderField = 'CREATED_AT' | 'NAME' | 'STATUS' | 'UPDATED_AT'

interface DeploymentOrder {
  field: DeploymentOrderField
  direction: 'ASC' | 'DESC'
}

const createdKey = [sql`${deployments.id}`]
const orders: Record<DeploymentOrderField, Omit<Order<DeploymentRow>, 'descending'>> = {
  // UUIDv7 ids sort by creation time.
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
  /** True to read the cursor of later changes too, which takes another statement. */
  withChangesCursor?: boolean
}

/** A page, its filter, and the cursor of the changes after it was read. */
export type DeploymentPage = Page<DeploymentRow> & { filter: DeploymentFilter; changesCursor: string | undefined }

export async function listDeployments(ctx: Context, args: ListDeployments): Promise<DeploymentPage | ExpectedError> {
  const filter = args.where ?? {}
  const where = mine(ctx, filter)
  const { field, direction } = args.orderBy ?? { field: 'CREATED_AT', direction: 'DESC' }
  // The cursor is read before the rows, so a change in between is delivered twice rather than never.
  const changesCursor = args.withChangesCursor ? await readPresentCursor(ctx, deploymentLog) : undefined
  const page = await readPage(
    args,
    { ...orders[field], descending: direction === 'DESC' },
    {
      select: (bounds, orderBy, limit) =>
        (filter.text ? ctx.store.longDb : ctx.store.db)
          .select()
          .from(deployments)
          .where(and(where, bounds))
          .orderBy(...orderBy)
          .limit(limit),
      count: () => countDeployments(ctx, filter),
    },
  )
  return page instanceof ExpectedError ? page : { ...page, filter, changesCursor }
}

export function countDeployments(ctx: Context, filter: DeploymentFilter): Promise<number> {
  return ctx.store.longDb.$count(deployments, mine(ctx, filter))
}

/** The number of deployments of each status. The statuses of the filter are ignored. */
export function countStatuses(ctx: Context, filter: DeploymentFilter): Promise<{ status: DeploymentStatus; count: number }[]> {
  return ctx.store.longDb
    .select({ status: deployments.status, count: sql<number>`count(*)::int` })
    .from(deployments)
    .where(mine(ctx, { ...filter, statuses: null }))
    .groupBy(deployments.status)
    .orderBy(deployments.status)
}

const usesModel = (model: Pick<ModelRow, 'id'>) => or(eq(deployments.acousticModelId, model.id), eq(deployments.languageModelId, model.id))

export function mine(ctx: Context, { locale, statuses, modelId, text }: DeploymentFilter): SQL | undefined {
  return and(
    eq(deployments.workspaceId, ctx.viewer.workspaceId),
    locale ? eq(deployments.locale, storable(locale)) : undefined,
    statuses ? inArray(deployments.status, [...statuses]) : undefined,
    modelId ? usesModel({ id: modelId }) : undefined,
    contains(text, deployments.name, deployments.description),
  )
}
