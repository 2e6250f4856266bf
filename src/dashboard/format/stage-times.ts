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

/** The latest provisioning in the log. */
export interface Attempt {
  /** The number of the revision; undefined when the deployment itself was provisioned. */
  revision: number | undefined
  steps: readonly AttemptStep[]
}

type AttemptStep = Pick<ChangeFragment, 'stage' | 'occurredAt' | 'message'> & { status: string; previousStatus?: string | null }

/** A change that names a revision has the revision's status and stage beside those of the deployment. */
const toStep = (change: ChangeFragment): AttemptStep => {
  const { occurredAt, message, revision } = change
  const { status, previousStatus, stage } = revision ?? change
  return { status, previousStatus: previousStatus ?? null, stage: stage ?? null, occurredAt, message }
}

const isBeginning = ({ status, previousStatus }: AttemptStep) => status === 'QUEUED' && previousStatus !== 'QUEUED'

/** Finds the latest attempt. Its changes are those of one revision, or of the deployment. */
export function findAttempt(changes: readonly ChangeFragment[]): Attempt {
  const first = changes.findLastIndex((change) => isBeginning(toStep(change)))
  // The log of a new page can begin within the attempt.
  const revision = changes[Math.max(0, first)]?.revision?.number
  const steps = changes.slice(Math.max(0, first)).filter((change) => change.revision?.number === revision)
  return { revision, steps: steps.map(toStep) }
}

/** The duration of each stage of an attempt. */
export function stageTimes(attempt: readonly AttemptStep[]): StageTime[] {
  // Only a gate has this stage.
  const shown = attempt.some(({ stage }) => stage === 'EVALUATING') ? [...stages, 'EVALUATING' as const] : stages
  return shown.map((stage) => {
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
