import { and, asc, desc, type SQL, sql } from 'drizzle-orm'
import type { ZodType } from 'zod'
import { InvalidCursorError, InvalidPageError } from './errors.ts'

/** The paging arguments of Relay: forward with `first` and `after`, backward with `last` and `before`. */
export interface PageArgs {
  first?: number | null | undefined
  after?: string | null | undefined
  last?: number | null | undefined
  before?: string | null | undefined
}

export interface Page<Row, Count = number> {
  edges: { cursor: string; node: Row }[]
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null }
  /** Counts the rows of all pages. */
  totalCount: () => Promise<Count>
}

/** The source of the rows of a list. */
export interface Rows<Row, Count = number> {
  /** `shape` names the directions and the limit. Together with the columns of the order, it identifies `orderBy` and `limit`. */
  select(bounds: SQL | undefined, orderBy: SQL[], limit: number, shape: string): Promise<Row[]>
  count(): Promise<Count>
}

/** The order of the rows. The last column is unique, so that no two rows are equal. */
export interface Order<Row> {
  columns: SQL[]
  keys: (row: Row) => string[]
  /** The schema of a cursor's keys, checked before Postgres receives them. */
  shape: ZodType<string[]>
  descending: boolean
}

export const defaultPageSize = 20
const maxPageSize = 100

/**
 * Reads one page by keyset: the rows after or before the key of the cursor. The thousandth page costs as much as the
 * first, and each row is on exactly one page.
 */
export async function readPage<Row, Count = number>(
  args: PageArgs,
  order: Order<Row>,
  rows: Rows<Row, Count>,
): Promise<Page<Row, Count> | InvalidPageError | InvalidCursorError> {
  const backward = args.last != null || (args.before != null && args.first == null)
  const size = (backward ? args.last : args.first) ?? defaultPageSize
  if (args.first != null && args.last != null) return new InvalidPageError('Use first or last, but not both.')
  if (size < 0 || size > maxPageSize) return new InvalidPageError(`A page has 0 to ${maxPageSize} rows, but the request asks for ${size}. Request fewer rows.`)

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
    `${direction === desc ? 'desc' : 'asc'} ${size}`,
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

/** The page size is part of the statement, since Postgres makes a new plan each time when it is a parameter. */
const literally = (size: number) => sql.raw(String(size)) as unknown as number

const encodeCursor = (keys: string[]) => Buffer.from(JSON.stringify(keys)).toString('base64url')

function decodeCursor(cursor: string, shape: ZodType<string[]>): string[] | undefined {
  try {
    return shape.safeParse(JSON.parse(Buffer.from(cursor, 'base64url').toString())).data
  } catch {
    return undefined
  }
}
