// Announces the outcomes of deployments and models on every page.
import { useEffect } from 'react'
import { tell } from '../parts/news.tsx'
import { markTitle } from '../title.ts'
import type { Live, LiveChange } from './live.ts'

interface AnnouncedOutcome {
  name: string
  isGood: boolean
  text: string
}

const gatherMs = 400

let gathered: AnnouncedOutcome[] = []

/** Outcomes within 400 ms become one message, because a screen reader would read a hundred messages for minutes. */
export function announceOutcome(outcome: AnnouncedOutcome) {
  if (gathered.push(outcome) === 1) setTimeout(announceGathered, gatherMs)
}

function announceGathered() {
  const outcomes = gathered
  gathered = []
  const [first] = outcomes
  if (!first) return
  const failed = outcomes.filter(({ isGood }) => !isGood)
  const sign = failed.length ? '✗' : '✓'
  if (outcomes.length === 1) {
    tell(first.text, { isProblem: !first.isGood })
    return markTitle(`${sign} ${first.name}`)
  }
  const good = outcomes.length - failed.length
  const parts = [good && `${good} complete`, failed.length && `${failed.length} failed`].filter(Boolean).join(', ')
  tell(`${outcomes.length} finished: ${parts}.`, { isProblem: failed.length > 0 })
  markTitle(`${sign} ${parts}`)
}

/** Announces the outcomes of all deployments in the workspace. */
export function useDeploymentOutcomes(live: Live) {
  useEffect(
    () =>
      live.onChange(({ status, previousStatus, message, deployment, revision }) => {
        if (!deployment) return
        const { name } = deployment
        if (revision && revision.status !== revision.previousStatus) announceRevision(name, revision, message)
        if (status === previousStatus) return
        if (status === 'COMPLETE') announceOutcome({ name, isGood: true, text: `“${name}” is complete.` })
        if (status === 'FAILED') announceOutcome({ name, isGood: false, text: `“${name}” failed. ${deployment.failure?.message ?? message}` })
      }),
    [live],
  )
}

/** Rollbacks and promotions are answers to a button, which announces them. */
function announceRevision(name: string, { number, status, isCurrent }: NonNullable<LiveChange['revision']>, message: string) {
  const noun = `Revision ${number} of “${name}”`
  if (status === 'COMPLETE') announceOutcome({ name, isGood: true, text: isCurrent ? `${noun} serves all new sessions.` : `${noun} is on trial.` })
  if (status === 'FAILED') announceOutcome({ name, isGood: false, text: `${noun} failed. ${message}` })
}
