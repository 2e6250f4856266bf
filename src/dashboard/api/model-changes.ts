// Follows changes of custom models while a page shows them.
import { useEffect, useRef, useState } from 'react'
import { useClient } from 'urql'
import { useDashboard } from '../dashboard.ts'
import { ModelChangesDocument, type ModelChangesSubscription } from '../gql/graphql.ts'
import { useConnection } from './live.ts'
import { announceOutcome } from './outcomes.ts'

/**
 * Follows the changes behind the cursor of a list, so that none is lost between the list and the stream. Each change
 * contains its model, which updates the cache. `refresh` is called when models have been added or deleted.
 */
export function useModelChanges(after: string | undefined, refresh: () => void) {
  const api = useClient()
  const isLive = useConnection(useDashboard().live) === 'live'
  const latest = useRef(refresh)
  latest.current = refresh
  // The stream resumes behind its last change. The cursor of a list that is read later would skip changes.
  const position = useRef<string>(undefined)
  const newest = useRef(after)
  newest.current = after
  const [invalid, setInvalid] = useState<string>()
  const canBegin = after !== undefined && after !== invalid
  useEffect(() => {
    const begin = position.current ?? newest.current
    if (begin === undefined || !canBegin || !isLive) return
    const { unsubscribe } = api.subscription(ModelChangesDocument, { after: begin }).subscribe(({ data }) => {
      const change = data?.modelStatusChanged
      if (change?.__typename === 'ModelStatusChange') {
        position.current = change.cursor
        announce(change)
      } else if (change?.__typename === 'InvalidCursorError') {
        position.current = undefined
        setInvalid(newest.current)
      }
      const isOther = change?.__typename === 'ModelStatusChange' && (change.previousStatus === null || change.model === null)
      if (isOther || change?.__typename === 'InvalidCursorError') latest.current()
    })
    return unsubscribe
  }, [api, canBegin, isLive])
}

/** Calls `refresh` when the connection is back after a gap: the server can have other base models after a restart. */
export function useModelsRenewed(refresh: () => void) {
  const { live } = useDashboard()
  const latest = useRef(refresh)
  latest.current = refresh
  useEffect(() => live.onRenewed(() => latest.current()), [live])
}

type LiveModelChange = Extract<ModelChangesSubscription['modelStatusChanged'], { __typename: 'ModelStatusChange' }>

/** Prevents a second announcement when each of two lists has a stream. */
let lastAnnounced = ''

function announce({ cursor, previousStatus, model }: LiveModelChange) {
  if (!model || model.status === previousStatus || cursor === lastAnnounced) return
  const { name, status } = model
  if (status !== 'READY' && status !== 'FAILED') return
  lastAnnounced = cursor
  announceOutcome({ name, isGood: status === 'READY', text: status === 'READY' ? `“${name}” is ready.` : `“${name}” failed. ${model.failure?.message ?? ''}` })
}
