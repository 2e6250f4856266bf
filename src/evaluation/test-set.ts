import DataLoader from 'dataloader'
import { and, eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Context, Service } from '../domain/context.ts'
import { type Order, type PageArgs, readPage } from '../domain/pagination.ts'
import { storable } from '../domain/validation.ts'
import type { Db, Tx } from '../postgres/client.ts'
import { isAnyOf } from '../postgres/columns.ts'
import { type TestItemRow, type TestSetRow, testItems, testSets } from '../postgres/evaluation/evaluation-tables.ts'

/** The maximum number of test sets of a workspace. */
export const maxTestSets = 100

export const countTestSets = (db: Db | Tx, workspaceId: string): Promise<number> => db.$count(testSets, eq(testSets.workspaceId, workspaceId))

export interface TestSetFilter {
  locale?: string | null | undefined
}

const newestFirst: Order<TestSetRow> = { columns: [sql`${testSets.id}`], keys: ({ id }) => [id], shape: z.tuple([z.uuid()]), descending: true }

/** The test sets of the workspace, newest first. */
export function listTestSets({ store, viewer }: Context, { where: filter, ...args }: PageArgs & { where?: TestSetFilter | null | undefined }) {
  const where = and(eq(testSets.workspaceId, viewer.workspaceId), filter?.locale ? eq(testSets.locale, storable(filter.locale)) : undefined)
  return readPage(args, newestFirst, {
    select: (bounds, orderBy, limit) =>
      store.db
        .select()
        .from(testSets)
        .where(and(where, bounds))
        .orderBy(...orderBy)
        .limit(limit),
    count: () => store.db.$count(testSets, where),
  })
}

/** A test set of the workspace. */
export async function findTestSet({ store, viewer }: Pick<Context, 'store' | 'viewer'>, id: string): Promise<TestSetRow | null> {
  const [row] = await store.db
    .select()
    .from(testSets)
    .where(and(eq(testSets.id, id), eq(testSets.workspaceId, viewer.workspaceId)))
  return row ?? null
}

const loaders = new WeakMap<object, DataLoader<string, TestSetRow | null>>()

/** {@link findTestSet}, in one statement for all ids that a request looks up at once. */
export function loadTestSet(ctx: Context, id: string): Promise<TestSetRow | null> {
  const known = loaders.get(ctx) ?? new DataLoader((ids) => findTestSets(ctx, ids), { cache: false })
  loaders.set(ctx, known)
  return known.load(id)
}

async function findTestSets({ store, viewer }: Context, ids: readonly string[]) {
  const rows = await store.db
    .select()
    .from(testSets)
    .where(and(isAnyOf(testSets.id, [...new Set(ids)]), eq(testSets.workspaceId, viewer.workspaceId)))
  const found = new Map(rows.map((row) => [row.id, row]))
  return ids.map((id) => found.get(id) ?? null)
}

const byNumber: Order<TestItemRow> = {
  columns: [sql`${testItems.number}`],
  keys: ({ number }) => [String(number)],
  shape: z.tuple([z.string().regex(/^\d{1,6}$/)]),
  descending: false,
}

/** The recordings of a test set, in the order of the upload. */
export function listTestItems({ store }: Context, { id, items }: TestSetRow, args: PageArgs) {
  return readPage(args, byNumber, {
    select: (bounds, orderBy, limit) =>
      store.db
        .select()
        .from(testItems)
        .where(and(eq(testItems.testSetId, id), bounds))
        .orderBy(...orderBy)
        .limit(limit),
    count: async () => items,
  })
}

/** The duration of a recording in seconds. */
export const secondsOf = ({ byteLength, sampleRate }: Pick<TestItemRow, 'byteLength' | 'sampleRate'>) => byteLength / 2 / sampleRate

/** The URL of the audio of a recording. */
export const audioUrlOf = ({ publicUrl }: Pick<Service, 'publicUrl'>, { testSetId, number }: Pick<TestItemRow, 'testSetId' | 'number'>) =>
  `${publicUrl}/test-sets/${testSetId}/items/${number}/audio`

/** A recording with its test set, for its audio. */
export async function findTestItem(
  { store }: Pick<Service, 'store'>,
  workspaceId: string,
  { testSetId, number }: Pick<TestItemRow, 'testSetId' | 'number'>,
): Promise<{ item: TestItemRow; testSet: TestSetRow } | undefined> {
  const [found] = await store.db
    .select({ item: testItems, testSet: testSets })
    .from(testItems)
    .innerJoin(testSets, eq(testSets.id, testItems.testSetId))
    .where(and(eq(testItems.testSetId, testSetId), eq(testItems.number, number), eq(testSets.workspaceId, workspaceId)))
  return found
}
