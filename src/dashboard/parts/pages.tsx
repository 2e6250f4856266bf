import type { PageBoundsFragment } from '../gql/graphql.ts'

interface PaginationProps {
  label: string
  pageInfo: PageBoundsFragment
  /** How many rows come before the page, as far as its URL or the clicks so far tell. */
  offset: number
  shown: number
  /** How many rows a full page has. */
  size: number
  total: number
  /** The counted thing, such as "deployment". */
  noun: string
  go: (page: PagePosition) => void
}

/** Where another page begins or ends, and how many rows come before it. */
export type PagePosition = { after: string; offset: number } | { before: string; offset: number }

/** The position in the whole list, and the ways to the pages beside. */
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
  // The first and the last page are certain, whatever has come or gone meanwhile.
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
