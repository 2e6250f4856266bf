import type { PageBoundsFragment } from '../gql/graphql.ts'

interface Pages {
  label: string
  pageInfo: PageBoundsFragment
  shown: number
  total: number
  /** What is counted, such as "deployment". */
  noun: string
  go: (page: { after: string } | { before: string }) => void
}

/** How many there are, and the ways to the others. */
export function Pages({ label, pageInfo: { hasPreviousPage, hasNextPage, startCursor, endCursor }, shown, total, noun, go }: Pages) {
  const all = `${total} ${noun}${total === 1 ? '' : 's'}`
  if (!hasPreviousPage && !hasNextPage) return <p className="total">{all}</p>
  return (
    <nav className="pages" aria-label={label}>
      <span className="total">
        {shown} of {all}
      </span>
      <button type="button" className="button" disabled={!hasPreviousPage} onClick={() => startCursor && go({ before: startCursor })}>
        Previous
      </button>
      <button type="button" className="button" disabled={!hasNextPage} onClick={() => endCursor && go({ after: endCursor })}>
        Next
      </button>
    </nav>
  )
}
