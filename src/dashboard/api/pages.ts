// The page of a list that the URL does not name.
import { useState } from 'react'
import type { PagePosition } from '../parts/pagination.tsx'

/** The arguments of the query, and what `Pagination` needs to know. */
export function usePages(size: number) {
  const [page, go] = useState<PagePosition>()
  const { offset = 0, ...cursor } = page ?? {}
  const bounds = { ...(page && 'before' in page ? { last: size } : { first: size }), ...cursor }
  return { bounds, offset, size, go, toFirst: () => go(undefined) }
}
