import { Repeater } from '@repeaterjs/repeater'
import { and, asc, desc, eq, gt, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type ModelEventRow, type ModelKind, type ModelRow, modelEvents, workspaces } from '../postgres/tables.ts'
import type { Context } from './context.ts'
import { type ExpectedError, InvalidCursorError, ModelNotFoundError } from './errors.ts'
import { decodeEventCursor } from './event-cursor.ts'
import { findModel } from './model.ts'
import { isModelTerminal, modelsTopic, modelTopic } from './model-status.ts'
import { type Order, type PageArgs, readPage } from './page.ts'

const batch = 200

export interface WatchedModels {
  /** One model; left out, all of the workspace's own. */
  model?: { kind: ModelKind; id: string } | undefined
  /** Go on behind this event. */
  after?: string | null | undefined
}

/**
 * Events of custom models, as of deployments: of one model the newest first, then each later one until
 * it is terminal; of all, each from now on, without end; with a cursor, everything after it instead.
 */
export async function watchModels(ctx: Context, { model, after }: WatchedModels): Promise<AsyncIterable<ModelEventRow> | ExpectedError> {
  const resumed = after == null ? null : decodeEventCursor(after)
  if (resumed === undefined) return new InvalidCursorError()
  const ofWorkspace = eq(modelEvents.workspaceId, ctx.viewer.workspaceId)
  if (!model)
    return follow(ctx, {
      topic: modelsTopic(ctx.viewer.workspaceId),
      where: ofWorkspace,
      from: resumed ?? (await readPosition(ctx)),
      endsWith: async () => false,
    })
  const where = and(ofWorkspace, eq(modelEvents.modelId, model.id), eq(modelEvents.kind, model.kind))
  const [newest] = await ctx.store.db.select().from(modelEvents).where(where).orderBy(desc(modelEvents.sequence)).limit(1)
  if (!newest || (newest.status === 'DELETING' && resumed === null)) return new ModelNotFoundError('modelId', 'custom')
  const isOver = async (seen: number) => {
    const row = await findModel(ctx, model.kind, model.id)
    return row === null || (isModelTerminal(row.status) && (await isNewest(ctx, where, seen)))
  }
  return follow(ctx, { topic: modelTopic(model.id), where, from: resumed ?? newest.position - 1, endsWith: isOver })
}

const isNewest = async ({ store }: Context, where: SQL | undefined, seen: number) =>
  (await store.db.$count(modelEvents, and(where, gt(modelEvents.position, seen)))) === 0

async function readPosition({ store, viewer }: Context): Promise<number> {
  const [workspace] = await store.db.select({ position: workspaces.modelPosition }).from(workspaces).where(eq(workspaces.id, viewer.workspaceId))
  return workspace?.position ?? 0
}

interface Followed {
  topic: string
  where: SQL | undefined
  /** The position that has been seen already. */
  from: number
  /** True when nothing can follow what has been seen. */
  endsWith: (seen: number) => Promise<boolean>
}

/** Reads the log after each ring; a lost notice delays an event but cannot lose it. */
function follow(ctx: Context, { topic, where, from, endsWith }: Followed): AsyncIterable<ModelEventRow> {
  return new Repeater(async (push, stop) => {
    let rung = true
    let stopped = false
    let wake = () => {}
    const unwatch = ctx.store.events.watch(topic, () => {
      rung = true
      wake()
    })
    const unwatchKey = ctx.keyring.onEnd(ctx.viewer, stop)
    stop.finally(() => {
      stopped = true
      wake()
    })
    const read = (after: number) =>
      ctx.store.db
        .select()
        .from(modelEvents)
        .where(and(where, gt(modelEvents.position, after)))
        .orderBy(asc(modelEvents.position))
        .limit(batch)
        // While Postgres is away there is nothing new; the ring of its return wakes us.
        .catch(() => [])
    try {
      for (let seen = from; !stopped; ) {
        rung = false
        const events = await read(seen)
        for (const event of events) {
          if (!stopped) await push(event)
          seen = event.position
        }
        if (events.length) continue
        if (await endsWith(seen).catch(() => false)) return stop()
        if (!rung && !stopped) await new Promise<void>((woken) => (wake = woken))
      }
    } finally {
      unwatch()
      unwatchKey()
    }
  })
}

const oldestFirst: Order<ModelEventRow> = {
  columns: [sql`${modelEvents.sequence}`],
  keys: (event) => [String(event.sequence)],
  shape: z.tuple([z.string().regex(/^\d{1,9}$/)]),
  descending: false,
}

/** A model's log, page by page; base models have none. */
export function listModelEvents({ store }: Context, model: ModelRow, args: PageArgs) {
  const where = eq(modelEvents.modelId, model.id)
  return readPage(args, oldestFirst, {
    select: (bounds, orderBy, limit) =>
      store.db
        .select()
        .from(modelEvents)
        .where(and(where, bounds))
        .orderBy(...orderBy)
        .limit(limit),
    count: () => store.db.$count(modelEvents, where),
  })
}
