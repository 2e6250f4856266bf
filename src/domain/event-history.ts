import DataLoader from 'dataloader'
import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { EventLog, LoggedEvent } from '../lifecycle/event-log.ts'
import type { DeploymentEventRow, DeploymentRow } from '../postgres/deployment-tables.ts'
import type { ModelEventRow, ModelRow } from '../postgres/tables.ts'
import type { Context } from './context.ts'
import { deploymentLog } from './deployment-lifecycle.ts'
import type { ExpectedError } from './errors.ts'
import { modelLog } from './model-lifecycle.ts'
import { defaultPageSize, type Order, type Page, type PageArgs, readPage } from './pagination.ts'

/** The newest events of a log, which are kept for as long as the row exists. */
export const keptEvents = 200

type HistoryLog<Event extends LoggedEvent> = Pick<EventLog<never, Event>, 'select' | 'selectFirst' | 'columns'>

const oldestFirst = ({ columns }: Pick<HistoryLog<LoggedEvent>, 'columns'>): Order<LoggedEvent> => ({
  columns: [sql`${columns.sequence}`],
  keys: (event) => [String(event.sequence)],
  shape: z.tuple([z.string().regex(/^\d{1,9}$/)]),
  descending: false,
})

/** The first events of a row and the number of its events. One statement reads them for all rows of a list. */
type LoadTimeline<Event> = (id: string, size: number) => Promise<{ events: Event[]; total: number }>

export interface EventHistories {
  deployment: LoadTimeline<DeploymentEventRow>
  model: LoadTimeline<ModelEventRow>
}

export const createTimelineLoaders = (ctx: Context): EventHistories => ({
  deployment: createTimelineLoader(ctx, deploymentLog),
  model: createTimelineLoader(ctx, modelLog),
})

function createTimelineLoader<Event extends LoggedEvent>({ store }: Context, log: HistoryLog<Event>): LoadTimeline<Event> {
  const loader = new DataLoader<{ id: string; size: number }, { events: Event[]; total: number }>(
    async (requests) => {
      const ids = [...new Set(requests.map(({ id }) => id))]
      const most = Math.max(...requests.map(({ size }) => size))
      const found = Map.groupBy(await log.selectFirst(store.db, ids, most), ({ id }) => id)
      return requests.map(({ id, size }) => {
        const own = found.get(id) ?? []
        return { events: own.slice(0, size).map(({ event }) => event), total: own[0]?.total ?? 0 }
      })
    },
    { cache: false },
  )
  return (id, size) => loader.load({ id, size })
}

type Reading = Context & { timelines: EventHistories }

/** One page of a deployment's log. */
export const listEvents = (ctx: Reading, { id, workspaceId }: DeploymentRow, args: PageArgs) =>
  readTimeline(ctx, deploymentLog, ctx.timelines.deployment, { id, workspaceId }, args)

/** One page of a model's log. Base models have no log. */
export const listModelEvents = (ctx: Reading, { id, workspaceId }: ModelRow, args: PageArgs) =>
  readTimeline(ctx, modelLog, ctx.timelines.model, { id, workspaceId: workspaceId ?? ctx.viewer.workspaceId }, args)

/** One statement reads the first pages of many logs. */
function readTimeline<Event extends LoggedEvent>(
  { store }: Context,
  log: HistoryLog<Event>,
  first: LoadTimeline<Event>,
  scope: { id: string; workspaceId: string },
  args: PageArgs,
): Promise<Page<Event> | ExpectedError> {
  const isFirst = args.after == null && args.before == null && args.last == null
  return readPage<Event>(args, oldestFirst(log), {
    select: async (bounds, orderBy, limit) =>
      isFirst ? (await first(scope.id, (args.first ?? defaultPageSize) + 1)).events : log.select(store.db, scope, bounds, orderBy, limit),
    count: async () => (await first(scope.id, 1)).total,
  })
}
