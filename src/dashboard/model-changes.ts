// What changes about the custom models, as long as a page shows them.
import { useEffect, useRef } from 'react'
import { useSubscription } from 'urql'
import { useDashboard } from './dashboard.ts'
import { ModelChangesDocument } from './gql/graphql.ts'
import { useConnection } from './live.ts'

/**
 * Calls `refresh` when the list has other members, and when the connection is back after a gap. Every other change reaches
 * the cache by itself, because the stream brings the model along.
 */
export function useModelChanges(refresh: () => void) {
  const isLive = useConnection(useDashboard().live) === 'live'
  const latest = useRef(refresh)
  latest.current = refresh
  const [{ data }] = useSubscription({ query: ModelChangesDocument, variables: { modelId: null }, pause: !isLive })
  const change = data?.modelStatusChanged
  const hasOtherMembers = change?.__typename === 'ModelStatusChange' && (change.previousStatus === null || change.model === null)
  const cursor = hasOtherMembers ? change.cursor : undefined
  useEffect(() => {
    if (cursor) latest.current()
  }, [cursor])
  const wasLive = useRef(isLive)
  useEffect(() => {
    if (isLive && !wasLive.current) latest.current()
    wasLive.current = isLive
  }, [isLive])
}

/** Follows one model until it is done, from its newest change on: nothing between the list and the stream is missed. */
export function useFollowed({ id, isTerminal }: { id: string; isTerminal: boolean }) {
  const isLive = useConnection(useDashboard().live) === 'live'
  useSubscription({ query: ModelChangesDocument, variables: { modelId: id }, pause: isTerminal || !isLive })
}
