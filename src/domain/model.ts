import DataLoader from 'dataloader'
import { and, eq, inArray, isNotNull, isNull, or, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { readPresentCursor } from '../lifecycle/event-cursor.ts'
import type { Db, Tx } from '../postgres/client.ts'
import { isAnyOf } from '../postgres/columns.ts'
import { licenseAcceptances, type ModelKind, type ModelRow, type ModelStatus, models, type Recipe, type Scenario } from '../postgres/tables.ts'
import type { Context, Service } from './context.ts'
import { ExpectedError } from './errors.ts'
import { LicenseNotAcceptedError, ModelNotFoundError, ModelNotReadyError } from './model-errors.ts'
import { modelLog } from './model-lifecycle.ts'
import { type Order, type Page, type PageArgs, readPage } from './pagination.ts'
import { contains, keyText, momentText, nameKey, sortable, storable } from './validation.ts'

export interface ModelFilter {
  locale?: string | null | undefined
  kind?: ModelKind | null | undefined
  scenario?: Scenario | null | undefined
  isBase?: boolean | null | undefined
  statuses?: readonly ModelStatus[] | null | undefined
  /** A part of the name or description. Case is ignored. */
  text?: string | null | undefined
}

type ModelOrderField = 'NAME' | 'CREATED_AT'

interface ModelOrder {
  field: ModelOrderField
  direction: 'ASC' | 'DESC'
}

const orders: Record<ModelOrderField, Omit<Order<ModelRow>, 'descending'>> = {
  NAME: {
    columns: [sortable(models.name), sql`${models.id}`],
    keys: ({ name, id }) => [name, id],
    shape: z.tuple([keyText, z.uuid()]),
  },
  // The ids of base models come from the catalog and do not sort by creation time.
  CREATED_AT: {
    columns: [sql`${models.createdAt}`, sql`${models.id}`],
    keys: ({ createdAt, id }) => [createdAt.toISOString(), id],
    shape: z.tuple([momentText, z.uuid()]),
  },
}

interface ListModels extends PageArgs {
  where?: ModelFilter | null | undefined
  orderBy?: ModelOrder | null | undefined
  /** True to read the cursor of later changes too, which takes another statement. */
  withChangesCursor?: boolean
}

/** The base models and the custom models of the workspace, and the cursor of the changes after they were read. */
export async function listModels(ctx: Context, args: ListModels): Promise<(Page<ModelRow> & { changesCursor: string | undefined }) | ExpectedError> {
  const filter = args.where ?? {}
  const where = choosable(ctx, filter)
  // The cursor is read before the rows, so a change in between is delivered twice rather than never.
  const changesCursor = args.withChangesCursor ? await readPresentCursor(ctx, modelLog) : undefined
  const { field, direction } = args.orderBy ?? { field: 'NAME', direction: 'ASC' }
  const page = await readPage(
    args,
    { ...orders[field], descending: direction === 'DESC' },
    {
      select: (bounds, orderBy, limit) =>
        (filter.text ? ctx.store.longDb : ctx.store.db)
          .select()
          .from(models)
          .where(and(where, bounds))
          .orderBy(...orderBy)
          .limit(limit),
      count: () => countModels(ctx, filter),
    },
  )
  return page instanceof ExpectedError ? page : { ...page, changesCursor }
}

async function countModels(ctx: Context, filter: ModelFilter): Promise<number> {
  return ctx.store.db.$count(models, choosable(ctx, filter))
}

/** The number of custom models, which count against the quota of the workspace. */
export const countOwnModels = ({ store, viewer }: Context): Promise<number> => store.db.$count(models, eq(models.workspaceId, viewer.workspaceId))

/** The two models of a new deployment, and the problems with each. */
export async function findModels(ctx: Context, wanted: { acousticModelId: string; languageModelId: string }) {
  const rows = await ctx.store.db
    .select()
    .from(models)
    .where(and(choosable(ctx, {}), inArray(models.id, [wanted.acousticModelId, wanted.languageModelId])))
  const acoustic = rows.find((row) => row.id === wanted.acousticModelId && row.kind === 'ACOUSTIC')
  const language = rows.find((row) => row.id === wanted.languageModelId && row.kind === 'LANGUAGE')
  const problems: ExpectedError[] = []
  if (!acoustic) problems.push(new ModelNotFoundError('acousticModelId', 'acoustic'))
  if (!language) problems.push(new ModelNotFoundError('languageModelId', 'language'))
  for (const model of [acoustic, language]) {
    if (model && model.status !== 'READY') problems.push(new ModelNotReadyError(model))
  }
  if (acoustic && !(await isLicenseAccepted(ctx, acoustic))) problems.push(new LicenseNotAcceptedError(acoustic, 'acousticModelId'))
  return { acoustic, language, problems }
}

export async function findModel(ctx: Context, kind: ModelKind, id: string): Promise<ModelRow | null> {
  const [model] = await ctx.store.db
    .select()
    .from(models)
    .where(and(choosable(ctx, { kind }), eq(models.id, id)))
  return model ?? null
}

export type LoadChosenModel = (kind: ModelKind, id: string) => Promise<ModelRow | null>

/** {@link findModel}, in one statement for those that are asked for at once. */
export function createChosenModelLoader(ctx: Context): LoadChosenModel {
  const loader = new DataLoader<string, ModelRow | null>(async (ids) => {
    const rows = await ctx.store.db
      .select()
      .from(models)
      .where(and(choosable(ctx, {}), isAnyOf(models.id, [...new Set(ids)])))
    const found = new Map(rows.map((row) => [row.id, row]))
    return ids.map((id) => found.get(id) ?? null)
  }, options)
  return async (kind, id) => {
    const model = await loader.load(id)
    return model?.kind === kind ? model : null
  }
}

/** All models of one kind that fit a locale and a scenario, and can be deployed now. */
export async function listFittingModels(ctx: Context, kind: ModelKind, fit: Pick<ModelRow, 'locale' | 'scenario'>): Promise<ModelRow[]> {
  const where = and(choosable(ctx, { kind, locale: fit.locale }), eq(models.scenario, fit.scenario), eq(models.status, 'READY'))
  return ctx.store.db.select().from(models).where(where).orderBy(sortable(models.name), models.id).limit(100)
}

export type LoadFittingModels = (kind: ModelKind, fit: Pick<ModelRow, 'locale' | 'scenario'>) => Promise<ModelRow[]>

/** {@link listFittingModels}, with one statement for all models with the same locale and scenario. */
export function createFittingModelsLoader(ctx: Context): LoadFittingModels {
  const asked = new Map<string, Promise<ModelRow[]>>()
  return (kind, fit) => {
    const key = `${kind} ${fit.locale} ${fit.scenario}`
    const found = asked.get(key) ?? listFittingModels(ctx, kind, fit)
    asked.set(key, found)
    // The result is cached only while it is read, since models change during a subscription.
    found.finally(() => asked.delete(key)).catch(() => {})
    return found
  }
}

/** A base model that has been seen before comes at once: it does not change. */
export type LoadModel = (id: string) => ModelRow | Promise<ModelRow>

const maxKnown = 10_000
const options = { cache: false }
const knownModels = new WeakMap<Service['store'], Map<string, ModelRow>>()

/** Batches look-ups by id. Retired models are found too, since deployments can use them. */
export function createModelLoader({ store }: Service): LoadModel {
  const known = knownModelsOf(store)
  const loader = new DataLoader<string, ModelRow>(async (ids) => {
    const rows = await readModels(store, ids)
    return ids.map((id) => rows.get(id) ?? new Error(`model ${id} is missing`))
  }, options)
  return (id) => known.get(id) ?? loader.load(id)
}

/** The models with these ids, of any workspace and in any status. */
export async function findKnownModels({ store }: Service, ids: readonly string[]): Promise<(ModelRow | undefined)[]> {
  const known = knownModelsOf(store)
  const rows = ids.every((id) => known.has(id)) ? known : await readModels(store, ids)
  return ids.map((id) => rows.get(id))
}

function knownModelsOf(store: Service['store']): Map<string, ModelRow> {
  const known = knownModels.get(store) ?? new Map<string, ModelRow>()
  knownModels.set(store, known)
  return known
}

/** Reads the models, and keeps the base models in memory. */
async function readModels(store: Service['store'], ids: readonly string[]): Promise<Map<string, ModelRow>> {
  const known = knownModelsOf(store)
  if (known.size > maxKnown) known.clear()
  const rows = new Map((await selectModels(store.db, ids)).map((row) => [row.id, row]))
  for (const row of rows.values()) if (row.workspaceId === null) known.set(row.id, row)
  return rows
}

function selectModels(db: Db, ids: readonly string[]): Promise<ModelRow[]> {
  return db.select().from(models).where(isAnyOf(models.id, ids))
}

export function choosable(ctx: Context, { locale, kind, scenario, isBase, statuses, text }: ModelFilter): SQL | undefined {
  return and(
    isNull(models.retiredAt),
    or(isNull(models.workspaceId), eq(models.workspaceId, ctx.viewer.workspaceId)),
    locale ? eq(models.locale, storable(locale)) : undefined,
    kind ? eq(models.kind, kind) : undefined,
    scenario ? eq(models.scenario, scenario) : undefined,
    isBase == null ? undefined : isBase ? isNull(models.workspaceId) : isNotNull(models.workspaceId),
    statuses ? inArray(models.status, [...statuses]) : undefined,
    contains(text, models.name, models.description),
  )
}

/** True for models whose license needs no acceptance or is accepted by the workspace. */
export async function isLicenseAccepted(ctx: Context, { license, licenseUrl }: Pick<ModelRow, 'license' | 'licenseUrl'>): Promise<boolean> {
  if (!licenseUrl) return true
  const accepted = and(eq(licenseAcceptances.workspaceId, ctx.viewer.workspaceId), eq(licenseAcceptances.license, license))
  return (await ctx.store.db.$count(licenseAcceptances, accepted)) > 0
}

/** The source of an acoustic model, for people. Of a URL, only the host is shown, since its path or query can be secret. */
export function describeSource(recipe: Recipe | null): string | null {
  const archive = recipe?.archive
  if (!archive) return null
  if (archive.kind === 'NPM') return archive.package
  return archive.kind === 'HTTPS' ? new URL(archive.url).host : `upload ${archive.file.sha256}`
}

/** The custom model of the workspace whose name equals this one, as names are compared. */
export async function findModelNamed(
  tx: Tx,
  workspaceId: string,
  kind: ModelKind,
  { name, locale }: Pick<ModelRow, 'name' | 'locale'>,
): Promise<ModelRow | undefined> {
  const named = and(eq(models.workspaceId, workspaceId), eq(models.kind, kind), eq(models.locale, locale), eq(nameKey(models.name), nameKey(name)))
  const [found] = await tx
    .select()
    .from(models)
    .where(and(isNotNull(models.workspaceId), named))
  return found
}
