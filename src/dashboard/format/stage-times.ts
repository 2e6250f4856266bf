import type { ChangeFragment, ProvisioningStage } from '../gql/graphql.ts'
import { stages } from './words.ts'

export interface StageTime {
  stage: ProvisioningStage
  state: 'waiting' | 'running' | 'done' | 'failed' | 'ended'
  began?: number
  ended?: number
  /** The last message of the log in this stage. */
  message?: string
}

/** The duration of each stage in the latest attempt, from the log. */
export function stageTimes(changes: readonly ChangeFragment[]): StageTime[] {
  const attempt = changes.slice(
    Math.max(
      0,
      changes.findLastIndex(({ status, previousStatus }) => status === 'QUEUED' && previousStatus !== 'QUEUED'),
    ),
  )
  return stages.map((stage) => {
    const first = attempt.findIndex((change) => change.stage === stage && change.status === 'PROVISIONING')
    const begun = attempt[first]
    if (!begun) return { stage, state: 'waiting' }
    const last = attempt.findLast((change) => change.stage === stage && change.status === 'PROVISIONING') ?? begun
    const next = attempt.slice(first).find((change) => change.stage !== stage || change.status !== 'PROVISIONING')
    const began = Date.parse(begun.occurredAt)
    if (!next) return { stage, state: 'running', began, message: last.message }
    const state = next.status === 'FAILED' ? 'failed' : next.status === 'PROVISIONING' || next.status === 'COMPLETE' ? 'done' : 'ended'
    return { stage, state, began, ended: Date.parse(next.occurredAt), message: last.message }
  })
}
