import DataLoader from 'dataloader'
import { and, eq, inArray, or, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { readStatusCounts, type StatusCount } from '../lifecycle/deployment-counts.ts'
import { readPresentCursor } from '../lifecycle/event-cursor.ts'
import type { Db } from '../postgres/client.ts'
import { isAnyOf } from '../postgres/columns.ts'
import { type DeploymentRow, type DeploymentStatus, deploymentStatus, deployments } from '../postgres/deployment-tables.ts'
import { keepStatements } from '../postgres/kept-statements.ts'
import { runSearch, SearchTimeout } from '../postgres/search.ts'
import type { ModelRow } from '../postgres/tables.ts'
import type { Context } from './context.ts'
import { deploymentLog } from './deployment-lifecycle.ts'
import { ExpectedError, SearchTimeoutError } from './errors.ts'
import { type Order, type Page, type PageArgs, readPage } from './pagination.ts'
import { keyText, momentText, nameKey, sortable, storable, toSearchPattern } from './validation.ts'

const ofWorkspace = eq(deployments.workspaceId, sql.placeholder('workspaceId'))
const withId = eq(deployments.id, sql.placeholder('id'))
const kept = keepStatements<DeploymentRow[]>()

export async function findDeployment({ store, viewer: { workspaceId } }: Context, id: string): Promise<DeploymentRow | null> {
  const byId = kept(store.db, 'by id', (db) => db.select().from(deployments).where(and(ofWorkspace, withId)).prepare('deployment by id'))
  const [row] = await byId.execute({ workspaceId, id })
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

/** A page, its counts over all pages, and the cursor of the changes after it was read. */
export type DeploymentPage = Page<DeploymentRow, number | SearchTimeoutError> & {
  /** The number of deployments in each status. The statuses of the filter are ignored. */
  statusCounts: () => Promise<StatusCount[] | SearchTimeoutError>
  changesCursor: string | undefined
}

export async function listDeployments(ctx: Context, args: ListDeployments): Promise<DeploymentPage | ExpectedError> {
  const filter = args.where ?? {}
  const { field, direction } = args.orderBy ?? { field: 'CREATED_AT', direction: 'DESC' }
  // The cursor is read before the rows, so a change in between is delivered twice rather than never.
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
        select: (bounds, orderBy, limit, shape) => {
          const select = (db: Db, where: SQL | undefined) =>
            db
              .select()
              .from(deployments)
              .where(where)
              .orderBy(...orderBy)
              .limit(limit)
          if (bounds || !isEmpty(filter)) return run(ctx, filter, (db) => select(db, and(mine(ctx, filter), bounds)))
          const page = kept(ctx.store.db, `${field} ${shape}`, (db) => select(db, ofWorkspace).prepare('deployments'))
          return page.execute({ workspaceId: ctx.viewer.workspaceId })
        },
        count: totalCount,
      },
    ),
  )
  return page instanceof ExpectedError ? page : { ...page, statusCounts, changesCursor }
}

const sum = (counts: readonly StatusCount[]) => counts.reduce((all, { count }) => all + count, 0)

/** The number of deployments that count against the workspace's limit. */
export const countDeployments = async ({ store, viewer }: Context): Promise<number> => sum(await readStatusCounts(store.db, viewer.workspaceId))

/** Reads the counters for filters by locale and status, and counts rows for other filters. */
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
  modelId || text ? runSearch(store.longDb, read) : read(store.db)

const withinTime = <T>(read: () => Promise<T>): Promise<T | SearchTimeoutError> =>
  read().catch((error: unknown) => {
    if (error instanceof SearchTimeout) return new SearchTimeoutError()
    throw error
  })

const isEmpty = ({ locale, statuses, modelId, text }: DeploymentFilter) => !locale && !statuses && !modelId && !text

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
