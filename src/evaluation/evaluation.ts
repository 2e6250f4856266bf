import { and, asc, eq, getColumns, isNull, or, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import type { Context, Service } from '../domain/context.ts'
import { type Order, type PageArgs, readPage } from '../domain/pagination.ts'
import {
  type EvaluatedItemRow,
  type EvaluationRow,
  type EvaluationStatus,
  evaluatedItems,
  evaluations,
  type TestItemRow,
  type TestSetRow,
  testItems,
  testSets,
} from '../postgres/evaluation/evaluation-tables.ts'
import { type ModelRow, models } from '../postgres/tables.ts'

export interface EvaluationFilter {
  testSetId?: string | null | undefined
  deploymentId?: string | null | undefined
  /** The id of the acoustic or language model. */
  modelId?: string | null | undefined
  statuses?: readonly EvaluationStatus[] | null | undefined
}

const newestFirst: Order<EvaluationRow> = { columns: [sql`${evaluations.id}`], keys: ({ id }) => [id], shape: z.tuple([z.uuid()]), descending: true }

/** The evaluations of the workspace, newest first. */
export function listEvaluations({ store, viewer }: Context, { where: filter, ...args }: PageArgs & { where?: EvaluationFilter | null | undefined }) {
  const { testSetId, deploymentId, modelId, statuses } = filter ?? {}
  const where = and(
    eq(evaluations.workspaceId, viewer.workspaceId),
    testSetId ? eq(evaluations.testSetId, testSetId) : undefined,
    deploymentId ? eq(evaluations.deploymentId, deploymentId) : undefined,
    modelId ? or(eq(evaluations.acousticModelId, modelId), eq(evaluations.languageModelId, modelId)) : undefined,
    statuses ? sql`${evaluations.status} = any(${sql.param([...statuses])}::evaluation_status[])` : undefined,
  )
  return readPage(args, newestFirst, {
    select: (bounds, orderBy, limit) =>
      store.db
        .select()
        .from(evaluations)
        .where(and(where, bounds))
        .orderBy(...orderBy)
        .limit(limit),
    count: () => store.db.$count(evaluations, where),
  })
}

/** An evaluation of the workspace. */
export async function findEvaluation({ store, viewer }: Pick<Context, 'store' | 'viewer'>, id: string): Promise<EvaluationRow | null> {
  const [row] = await store.db
    .select()
    .from(evaluations)
    .where(and(eq(evaluations.id, id), eq(evaluations.workspaceId, viewer.workspaceId)))
  return row ?? null
}

/** An evaluation with all that its job needs. */
export interface EvaluationToRun {
  evaluation: EvaluationRow
  testSet: TestSetRow
  acousticModel: ModelRow | null
  languageModel: ModelRow | null
}

/** Reads an evaluation in any workspace for its job. A model is null after its deletion. */
export async function findEvaluationToRun({ store }: Pick<Service, 'store'>, id: string): Promise<EvaluationToRun | undefined> {
  const acousticModel = alias(models, 'acoustic_model')
  const languageModel = alias(models, 'language_model')
  const [found] = await store.db
    .select({ evaluation: evaluations, testSet: testSets, acousticModel, languageModel })
    .from(evaluations)
    .innerJoin(testSets, eq(testSets.id, evaluations.testSetId))
    .leftJoin(acousticModel, eq(acousticModel.id, evaluations.acousticModelId))
    .leftJoin(languageModel, eq(languageModel.id, evaluations.languageModelId))
    .where(eq(evaluations.id, id))
  return found
}

/** The recordings that no run of the evaluation has recognized yet, in order. */
export function listUnevaluated({ store }: Pick<Service, 'store'>, { id, testSetId }: EvaluationRow): Promise<TestItemRow[]> {
  return store.longDb
    .select(getColumns(testItems))
    .from(testItems)
    .leftJoin(evaluatedItems, and(eq(evaluatedItems.evaluationId, id), eq(evaluatedItems.number, testItems.number)))
    .where(and(eq(testItems.testSetId, testSetId), isNull(evaluatedItems.number)))
    .orderBy(asc(testItems.number))
}

/**
 * Stores the result of one recording while the claim on the evaluation holds; false when it is void. A run that made
 * progress shows that no recording crashes the recognizers, so earlier crashes no longer count.
 */
export async function recordEvaluatedItem({ store }: Pick<Service, 'store'>, { run }: Pick<EvaluationRow, 'run'>, item: EvaluatedItemRow): Promise<boolean> {
  const { evaluationId, number, transcript, words, substitutions, deletions, insertions, recognitionMs } = item
  const [claimed] = await store.db.execute(sql`with claimed as (
      update ${evaluations} set dead_runs = '{}' where id = ${evaluationId} and run = ${run} and status = 'RUNNING' returning id
    ), inserted as (
      insert into ${evaluatedItems} (evaluation_id, number, transcript, words, substitutions, deletions, insertions, recognition_ms)
      select id, ${number}::int, ${transcript}::text, ${words}::int, ${substitutions}::int, ${deletions}::int, ${insertions}::int, ${recognitionMs}::real from claimed
      on conflict do nothing
    ) select id from claimed`)
  return claimed !== undefined
}

/** A recognized recording, with what it belongs to. */
export interface EvaluatedItem extends EvaluatedItemRow {
  item: TestItemRow
  locale: string
}

interface Selected {
  evaluated: EvaluatedItemRow
  item: TestItemRow
  locale: string
}

const toEvaluatedItem = ({ evaluated, item, locale }: Selected): EvaluatedItem => ({ ...evaluated, item, locale })

/** All recognized recordings of an evaluation, in order. A test set has at most 2,000. */
export async function listAllEvaluated({ store }: Pick<Service, 'store'>, evaluationId: string): Promise<EvaluatedItem[]> {
  const rows = await store.longDb
    .select({ evaluated: evaluatedItems, item: testItems, locale: testSets.locale })
    .from(evaluatedItems)
    .innerJoin(evaluations, eq(evaluations.id, evaluatedItems.evaluationId))
    .innerJoin(testSets, eq(testSets.id, evaluations.testSetId))
    .innerJoin(testItems, and(eq(testItems.testSetId, evaluations.testSetId), eq(testItems.number, evaluatedItems.number)))
    .where(eq(evaluatedItems.evaluationId, evaluationId))
    .orderBy(asc(evaluatedItems.number))
  return rows.map(toEvaluatedItem)
}

const errorCount = sql<number>`(${evaluatedItems.substitutions} + ${evaluatedItems.deletions} + ${evaluatedItems.insertions})`
const numberText = z.string().regex(/^\d{1,6}$/)

const itemOrders: Record<'NUMBER' | 'ERRORS', Order<EvaluatedItem>> = {
  NUMBER: { columns: [sql`${evaluatedItems.number}`], keys: ({ number }) => [String(number)], shape: z.tuple([numberText]), descending: false },
  ERRORS: {
    columns: [errorCount, sql`-${evaluatedItems.number}`],
    keys: (row) => [String(errorsOf(row)), String(-row.number)],
    shape: z.tuple([numberText, z.string().regex(/^-\d{1,6}$/)]),
    descending: true,
  },
}

export const errorsOf = ({ substitutions, deletions, insertions }: Pick<EvaluatedItemRow, 'substitutions' | 'deletions' | 'insertions'>) =>
  substitutions + deletions + insertions

interface ListEvaluatedItems extends PageArgs {
  orderBy?: 'NUMBER' | 'ERRORS' | null | undefined
  onlyErrors?: boolean | null | undefined
}

/** The recognized recordings of an evaluation, by number or those with the most errors first. */
export function listEvaluatedItems({ store }: Context, { id, testSetId }: EvaluationRow, { orderBy, onlyErrors, ...args }: ListEvaluatedItems) {
  const where: SQL | undefined = and(eq(evaluatedItems.evaluationId, id), onlyErrors ? sql`${errorCount} > 0` : undefined)
  return readPage(args, itemOrders[orderBy ?? 'NUMBER'], {
    async select(bounds, orders, limit) {
      const rows = await store.db
        .select({ evaluated: evaluatedItems, item: testItems, locale: testSets.locale })
        .from(evaluatedItems)
        .innerJoin(testSets, eq(testSets.id, testSetId))
        .innerJoin(testItems, and(eq(testItems.testSetId, testSetId), eq(testItems.number, evaluatedItems.number)))
        .where(and(where, bounds))
        .orderBy(...orders)
        .limit(limit)
      return rows.map(toEvaluatedItem)
    },
    count: () => store.db.$count(evaluatedItems, where),
  })
}
