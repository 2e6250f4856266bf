// Announces the outcome of a deployment or model, on whatever page the user is.
import { useEffect } from 'react'
import { tell } from '../parts/news.tsx'
import { markTitle } from '../title.ts'
import type { Live } from './live.ts'

interface AnnouncedOutcome {
  name: string
  isGood: boolean
  text: string
}

const gatherMs = 400

let gathered: AnnouncedOutcome[] = []

/** Outcomes of the same moment are one message: a hundred of them would be read out for minutes. */
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

/** Follows the deployments of the workspace. */
export function useDeploymentOutcomes(live: Live) {
  useEffect(
    () =>
      live.onChange(({ status, previousStatus, message, deployment }) => {
        if (!deployment || status === previousStatus) return
        const { name } = deployment
        if (status === 'COMPLETE') announceOutcome({ name, isGood: true, text: `“${name}” is complete.` })
        if (status === 'FAILED') announceOutcome({ name, isGood: false, text: `“${name}” failed. ${deployment.failure?.message ?? message}` })
      }),
    [live],
  )
}
