import { and, eq, gt, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { matchWords } from '../decoding/word-errors.ts'
import type { Context } from '../domain/context.ts'
import { ExpectedError } from '../domain/errors.ts'
import { type Order, type PageArgs, readPage } from '../domain/pagination.ts'
import { createTurns } from '../lifecycle/turns.ts'
import { type EvaluationRow, evaluatedItems, testItems, testSets } from '../postgres/evaluation/evaluation-tables.ts'
import { EvaluationNotFoundError, EvaluationStatusConflictError, TestSetMismatchError } from './errors.ts'
import { type EvaluatedItem, errorsOf, findEvaluation } from './evaluation.ts'
import { type MatchedPairs, type PairedErrors, testMatchedPairs } from './statistics.ts'
import { inTurns } from './turns.ts'

export type Outcome = 'BETTER' | 'WORSE' | 'SAME'

/** One recording in two evaluations. */
export interface ComparedItem {
  a: EvaluatedItem
  b: EvaluatedItem
}

export interface WordTimes {
  word: string
  times: number
}

/** The difference that b makes to a. */
export interface Comparison {
  a: EvaluationRow
  b: EvaluationRow
  outcomes: Record<Outcome, number>
  /** The word error rate of b minus that of a. */
  difference: number
  matchedPairs: MatchedPairs
  wordsWon: WordTimes[]
  wordsLost: WordTimes[]
}

const maxListedWords = 50
const pairsAtOnce = 200

export const outcomeOf = ({ a, b }: ComparedItem): Outcome => {
  const difference = errorsOf(b) - errorsOf(a)
  return difference < 0 ? 'BETTER' : difference > 0 ? 'WORSE' : 'SAME'
}

/** Compares two evaluations of one test set. */
export async function compareEvaluations(ctx: Context, ids: { a: string; b: string }): Promise<Comparison | ExpectedError> {
  const [a, b] = [await findCompared(ctx, 'a', ids.a), await findCompared(ctx, 'b', ids.b)]
  if (a instanceof ExpectedError) return a
  if (b instanceof ExpectedError) return b
  if (a.testSetId !== b.testSetId) return new TestSetMismatchError()
  return { a, b, ...(await inTurn(ctx.viewer.workspaceId, () => compare(ctx, { a, b }))) }
}

/** The comparisons of a workspace run one after the other: each reads thousands of texts, and one document can ask for many. */
const inTurn = createTurns()

async function findCompared(ctx: Context, path: 'a' | 'b', id: string): Promise<EvaluationRow | ExpectedError> {
  const row = await findEvaluation(ctx, id)
  if (!row) return new EvaluationNotFoundError(path)
  return row.status === 'COMPLETE' ? row : new EvaluationStatusConflictError(row.status, 'Compare evaluations that are COMPLETE.', path)
}

/** The recordings that both lists have. */
export function pairItems(ofA: readonly EvaluatedItem[], ofB: readonly EvaluatedItem[]): ComparedItem[] {
  const byNumber = new Map(ofA.map((item) => [item.number, item]))
  return ofB.flatMap((b) => {
    const a = byNumber.get(b.number)
    return a ? [{ a, b }] : []
  })
}

/** The errors of both sides, for statistics. */
export const toPairedErrors = ({ a, b }: ComparedItem): PairedErrors => ({
  a: { errors: errorsOf(a), words: a.words },
  b: { errors: errorsOf(b), words: b.words },
})

async function compare(ctx: Context, both: Pair): Promise<Omit<Comparison, 'a' | 'b'>> {
  const outcomes = { BETTER: 0, WORSE: 0, SAME: 0 }
  const [won, lost] = [new WordCounter(), new WordCounter()]
  let [errors, words] = [0, 0]
  const pairs: PairedErrors[] = []
  for await (const items of readPairs(ctx, both)) {
    for await (const item of inTurns(items)) {
      outcomes[outcomeOf(item)]++
      errors += errorsOf(item.b) - errorsOf(item.a)
      words += item.a.words
      const changes = findChangedWords(item)
      won.add(changes.won)
      lost.add(changes.lost)
      pairs.push(toPairedErrors(item))
    }
  }
  const matchedPairs = testMatchedPairs(pairs)
  return { outcomes, difference: errors / Math.max(1, words), matchedPairs, wordsWon: won.mostFrequent(), wordsLost: lost.mostFrequent() }
}

/** The words of the reference that only b has, and those that only a has. */
export const findChangedWords = ({ a, b }: ComparedItem) => compareTranscripts(a.item.transcript, a.transcript, b.transcript, a.locale)

/** The words of a reference that only the second transcript has, and those that only the first has. */
export function compareTranscripts(reference: string, before: string, after: string, locale: string): { won: string[]; lost: string[] } {
  if (before === after) return { won: [], lost: [] }
  const heardBefore = matchWords(reference, before, locale)
  const changed = matchWords(reference, after, locale).filter(({ isHeard }, n) => isHeard !== heardBefore[n]?.isHeard)
  const wordsOf = (isWon: boolean) => changed.filter(({ isHeard }) => isHeard === isWon).map(({ word }) => word)
  return { won: wordsOf(true), lost: wordsOf(false) }
}

/** Counts words. */
export class WordCounter {
  readonly #times = new Map<string, number>()

  add(words: readonly string[]): void {
    for (const word of words) this.#times.set(word, (this.#times.get(word) ?? 0) + 1)
  }

  /** The most frequent words, words of equal frequency in alphabetical order. */
  mostFrequent(): WordTimes[] {
    const all = [...this.#times].map(([word, times]) => ({ word, times }))
    return all.sort((a, b) => b.times - a.times || (a.word < b.word ? -1 : 1)).slice(0, maxListedWords)
  }
}

const one = alias(evaluatedItems, 'one')
const other = alias(evaluatedItems, 'other')
const errorsIn = (table: typeof one | typeof other) => sql`(${table.substitutions} + ${table.deletions} + ${table.insertions})`
const difference = sql`(${errorsIn(other)} - ${errorsIn(one)})`
const integerText = z.string().regex(/^-?\d{1,6}$/)

type ComparedOrder = 'NUMBER' | 'WORSE_FIRST' | 'BETTER_FIRST'
const byDifference = (descending: boolean): Order<ComparedItem> => ({
  columns: [difference, descending ? sql`-${one.number}` : sql`${one.number}`],
  keys: ({ a, b }) => [String(errorsOf(b) - errorsOf(a)), String(descending ? -a.number : a.number)],
  shape: z.tuple([integerText, integerText]),
  descending,
})
const orders: Record<ComparedOrder, Order<ComparedItem>> = {
  NUMBER: { columns: [sql`${one.number}`], keys: ({ a }) => [String(a.number)], shape: z.tuple([integerText]), descending: false },
  WORSE_FIRST: byDifference(true),
  BETTER_FIRST: byDifference(false),
}

interface ListComparedItems extends PageArgs {
  orderBy?: ComparedOrder | null | undefined
  outcomes?: readonly Outcome[] | null | undefined
}

type Pair = Pick<Comparison, 'a' | 'b'>

async function selectPairs({ store }: Context, { a, b }: Pair, where: SQL | undefined, orders: readonly SQL[], limit: number): Promise<ComparedItem[]> {
  const rows = await store.db
    .select({ one, other, item: testItems, locale: testSets.locale })
    .from(one)
    .innerJoin(other, isPaired(b))
    .innerJoin(testSets, eq(testSets.id, a.testSetId))
    .innerJoin(testItems, and(eq(testItems.testSetId, a.testSetId), eq(testItems.number, one.number)))
    .where(and(eq(one.evaluationId, a.id), where))
    .orderBy(...orders)
    .limit(limit)
  return rows.map(({ one, other, item, locale }) => ({ a: { ...one, item, locale }, b: { ...other, item, locale } }))
}

const isPaired = (b: EvaluationRow) => and(eq(other.evaluationId, b.id), eq(other.number, one.number))

/** All recordings of a comparison, some at a time: their texts can have 10 kB each. */
async function* readPairs(ctx: Context, both: Pair): AsyncGenerator<ComparedItem[]> {
  let items: ComparedItem[] = []
  do {
    const last: number = items.at(-1)?.a.number ?? 0
    items = await selectPairs(ctx, both, gt(one.number, last), [sql`${one.number}`], pairsAtOnce)
    yield items
  } while (items.length === pairsAtOnce)
}

/** The recordings of a comparison. */
export function listComparedItems(ctx: Context, both: Pair, { orderBy, outcomes, ...args }: ListComparedItems) {
  const outcome = sql`case sign(${difference}) when -1 then 'BETTER' when 1 then 'WORSE' else 'SAME' end`
  const isWanted = outcomes ? sql`${outcome} = any(${sql.param([...outcomes])}::text[])` : undefined
  return readPage(args, orders[orderBy ?? 'NUMBER'], {
    select: (bounds, by, limit) => selectPairs(ctx, both, and(isWanted, bounds), by, limit),
    async count() {
      const isCounted = and(eq(one.evaluationId, both.a.id), isWanted)
      const [counted] = await ctx.store.db.select({ count: sql<number>`count(*)::int` }).from(one).innerJoin(other, isPaired(both.b)).where(isCounted)
      return counted?.count ?? 0
    },
  })
}
