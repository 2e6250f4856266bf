// Announces the outcomes of deployments and models on every page.
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
      live.onChange(({ status, previousStatus, message, deployment }) => {
        if (!deployment || status === previousStatus) return
        const { name } = deployment
        if (status === 'COMPLETE') announceOutcome({ name, isGood: true, text: `“${name}” is complete.` })
        if (status === 'FAILED') announceOutcome({ name, isGood: false, text: `“${name}” failed. ${deployment.failure?.message ?? message}` })
      }),
    [live],
  )
}
