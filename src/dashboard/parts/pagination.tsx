import type { PageBoundsFragment } from '../gql/graphql.ts'

interface PaginationProps {
  label: string
  pageInfo: PageBoundsFragment
  /** The number of rows before the page, from its URL or the clicks so far. It can be out of date. */
  offset: number
  shown: number
  /** The number of rows of a full page. */
  size: number
  total: number
  /** The counted thing, such as "deployment". */
  noun: string
  go: (page: PagePosition) => void
}

/** The cursor at which another page begins or ends, and the number of rows before it. */
export type PagePosition = { after: string; offset: number } | { before: string; offset: number }

/** The position in the whole list, and buttons for the previous and the next page. */
export function Pagination({
  label,
  pageInfo: { hasPreviousPage, hasNextPage, startCursor, endCursor },
  offset,
  shown,
  size,
  total,
  noun,
  go,
}: PaginationProps) {
  const all = `${total.toLocaleString('en')} ${noun}${total === 1 ? '' : 's'}`
  if (!hasPreviousPage && !hasNextPage)
    return (
      <p className="total" role="status">
        {all}
      </p>
    )
  // The positions of the first and the last page are exact, even if rows have been added or deleted.
  const before = !hasPreviousPage ? 0 : !hasNextPage ? total - shown : Math.min(offset, Math.max(0, total - shown))
  return (
    <nav className="pages" aria-label={label}>
      <span className="total" role="status">
        {(before + 1).toLocaleString('en')}–{(before + shown).toLocaleString('en')} of {all}
      </span>
      <button
        type="button"
        className="button"
        disabled={!hasPreviousPage}
        onClick={() => startCursor && go({ before: startCursor, offset: Math.max(0, before - size) })}
      >
        Previous
      </button>
      <button type="button" className="button" disabled={!hasNextPage} onClick={() => endCursor && go({ after: endCursor, offset: before + shown })}>
        Next
      </button>
    </nav>
  )
}
