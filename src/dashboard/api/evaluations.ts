// Test sets and evaluations: their states while jobs run, and the actions on them.
import { useEffect, useRef } from 'react'
import { type TypedDocumentNode, useClient, useMutation } from 'urql'
import { useDashboard } from '../dashboard.ts'
import { formatShare } from '../format/amounts.ts'
import {
  CancelEvaluationDocument,
  DeleteEvaluationDocument,
  DeleteTestSetDocument,
  type EvaluationEntryFragment,
  EvaluationStateDocument,
  type TestSetEntryFragment,
  TestSetStateDocument,
} from '../gql/graphql.ts'
import { report } from './actions.ts'
import { toMessage } from './client.ts'
import { useConnection } from './live.ts'
import { announceOutcome } from './outcomes.ts'

/** More would fill the server's limit of subscriptions for one socket. */
const maxFollowed = 20

/** The unfinished rows of a list that a page follows. */
export const toFollowed = <Row extends { isTerminal: boolean }>(rows: readonly Row[]) => rows.filter(({ isTerminal }) => !isTerminal).slice(0, maxFollowed)

const restartMs = 1000

/**
 * Follows one row, whose states update the cache, until the component is removed. `heard` answers false when the row is gone.
 * A list that was read before the last state can arrive after it and show the row as unfinished, so an ended stream begins again.
 */
function useStates<Data>(query: TypedDocumentNode<Data, { id: string }>, id: string, heard: (data: Data) => boolean) {
  const api = useClient()
  const isLive = useConnection(useDashboard().live) === 'live'
  const latest = useRef(heard)
  latest.current = heard
  useEffect(() => {
    if (!isLive) return
    let timer: ReturnType<typeof setTimeout> | undefined
    let isGone = false
    let stop = () => {}
    const begin = () => {
      const { unsubscribe } = api.subscription(query, { id }).subscribe(({ data, hasNext }) => {
        if (data && !latest.current(data)) isGone = true
        if (hasNext === false && !isGone) timer = setTimeout(begin, restartMs)
      })
      stop = unsubscribe
    }
    begin()
    return () => {
      clearTimeout(timer)
      stop()
    }
  }, [api, query, id, isLive])
}

/** Follows the import of a test set. */
export function FollowTestSet({ id }: { id: string }) {
  useStates(TestSetStateDocument, id, ({ testSetStatusChanged: change }) => {
    if (change.__typename !== 'TestSetStatusChange') return false
    if (change.testSet.isTerminal) announceTestSet(change.testSet)
    return true
  })
  return null
}

function announceTestSet({ name, status, failure }: TestSetEntryFragment) {
  const isGood = status === 'READY'
  announceOutcome({ name, isGood, text: isGood ? `“${name}” is ready.` : `“${name}” failed. ${failure?.message ?? ''}` })
}

/** Follows an evaluation. */
export function FollowEvaluation({ id }: { id: string }) {
  useStates(EvaluationStateDocument, id, ({ evaluationStatusChanged: change }) => {
    if (change.__typename !== 'EvaluationStatusChange') return false
    if (change.evaluation.isTerminal) announceEvaluation(change.evaluation)
    return true
  })
  return null
}

function announceEvaluation({ testSet: { name }, result, status, failure }: EvaluationEntryFragment) {
  if (result) announceOutcome({ name, isGood: true, text: `The evaluation on “${name}” is complete: ${formatShare(result.wordErrorRate)} word errors.` })
  else if (status === 'FAILED') announceOutcome({ name, isGood: false, text: `The evaluation on “${name}” failed. ${failure?.message ?? ''}` })
}

/** Deletes a test set, with a message about the outcome. */
export function useTestSetDeletion({ id, name }: Pick<TestSetEntryFragment, 'id' | 'name'>) {
  const [, send] = useMutation(DeleteTestSetDocument)
  return async () => {
    const { data, error } = await send({ id })
    return report(error && toMessage(error), data?.deleteTestSet, `“${name}” has been deleted.`)
  }
}

/** Cancel and delete, as the actions of a deployment. */
export function useEvaluationActions(id: string) {
  const [, sendCancel] = useMutation(CancelEvaluationDocument)
  const [, sendDelete] = useMutation(DeleteEvaluationDocument)
  return {
    async cancel() {
      const { data, error } = await sendCancel({ id })
      return report(error && toMessage(error), data?.cancelEvaluation, 'The evaluation has been canceled.')
    },
    async remove() {
      const { data, error } = await sendDelete({ id })
      return report(error && toMessage(error), data?.deleteEvaluation, 'The evaluation has been deleted.')
    },
  }
}
