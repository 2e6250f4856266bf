import { and, asc, desc, type SQL, sql } from 'drizzle-orm'
import type { ZodType } from 'zod'
import { InvalidCursorError, InvalidPageError } from './errors.ts'

/** Relay's paging arguments; forward by `first` and `after`, backward by `last` and `before`. */
export interface PageArgs {
  first?: number | null | undefined
  after?: string | null | undefined
  last?: number | null | undefined
  before?: string | null | undefined
}

export interface Page<Row, Count = number> {
  edges: { cursor: string; node: Row }[]
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null }
  /** Counts the rows of all pages, if somebody asks. */
  totalCount: () => Promise<Count>
}

/** Where the rows of a list come from. */
export interface Rows<Row, Count = number> {
  select(bounds: SQL | undefined, orderBy: SQL[], limit: number): Promise<Row[]>
  count(): Promise<Count>
}

/** What the rows are sorted by; the last column is unique, so that no two rows are equal. */
export interface Order<Row> {
  columns: SQL[]
  keys: (row: Row) => string[]
  /** What a cursor's keys must look like before Postgres sees them. */
  shape: ZodType<string[]>
  descending: boolean
}

export const defaultPageSize = 20
const maximumPageSize = 100

/**
 * One page by keyset: rows after (or before) the cursor's key, never by counting rows off, so that
 * the thousandth page costs what the first does and rows with equal keys come exactly once.
 */
export async function readPage<Row, Count = number>(
  args: PageArgs,
  order: Order<Row>,
  rows: Rows<Row, Count>,
): Promise<Page<Row, Count> | InvalidPageError | InvalidCursorError> {
  const backward = args.last != null || (args.before != null && args.first == null)
  const size = (backward ? args.last : args.first) ?? defaultPageSize
  if (args.first != null && args.last != null) return new InvalidPageError('Give either first or last, not both.')
  if (size < 0 || size > maximumPageSize) return new InvalidPageError(`A page has 0 to ${maximumPageSize} rows; ${size} were asked for.`)

  const bounds: SQL[] = []
  for (const [cursor, isAfter] of [
    [args.after, true],
    [args.before, false],
  ] as const) {
    if (cursor == null) continue
    const keys = decodeCursor(cursor, order.shape)
    if (!keys) return new InvalidCursorError()
    const greater = isAfter !== order.descending
    const values = keys.map((key) => sql`${key}`)
    bounds.push(sql`(${sql.join(order.columns, sql`, `)}) ${sql.raw(greater ? '>' : '<')} (${sql.join(values, sql`, `)})`)
  }

  const direction = order.descending !== backward ? desc : asc
  const found = await rows.select(
    and(...bounds),
    order.columns.map((column) => direction(column)),
    literally(size + 1),
  )
  const shown = backward ? found.slice(0, size).reverse() : found.slice(0, size)
  const edges = shown.map((node) => ({ node, cursor: encodeCursor(order.keys(node)) }))
  const more = found.length > size
  return {
    edges,
    totalCount: rows.count,
    pageInfo: {
      hasNextPage: backward ? args.before != null : more,
      hasPreviousPage: backward ? more : args.after != null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  }
}

/** Written into the statement: for a page size that is a parameter, Postgres makes a new plan each time. */
const literally = (size: number) => sql.raw(String(size)) as unknown as number

const encodeCursor = (keys: string[]) => Buffer.from(JSON.stringify(keys)).toString('base64url')

function decodeCursor(cursor: string, shape: ZodType<string[]>): string[] | undefined {
  try {
    return shape.safeParse(JSON.parse(Buffer.from(cursor, 'base64url').toString())).data
  } catch {
    return undefined
  }
}
