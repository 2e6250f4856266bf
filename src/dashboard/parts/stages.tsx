import { type Attempt, stageTimes } from '../format/stage-times.ts'
import { formatDuration, useNow } from '../format/time.ts'
import { toWord } from '../format/words.ts'
import { Icon } from './icon.tsx'

const marks = { waiting: null, running: <span className="spinner" />, done: <Icon name="check" />, failed: <Icon name="cross" />, ended: <Icon name="stop" /> }
const stateWords = { waiting: 'not started', running: 'in progress', done: 'done', failed: 'failed', ended: 'ended' }

/** The stages of provisioning with their states and durations, live. */
export function Stages({ attempt }: { attempt: Attempt }) {
  const times = stageTimes(attempt.steps)
  const now = useNow(
    times.some(({ state }) => state === 'running'),
    200,
  )
  return (
    <ol className="stages">
      {times.map(({ stage, state, began, ended, message }) => (
        <li key={stage} className={`stage ${state}`}>
          <span className="mark" aria-hidden="true">
            {marks[state]}
          </span>
          <span className="stage-name">
            {toWord(stage)}
            <span className="hidden">, {stateWords[state]}</span>
            {state === 'running' && message && <span className="detail">{message}</span>}
          </span>
          <span className="duration">{began !== undefined && formatDuration(Math.max(0, (ended ?? now) - began))}</span>
        </li>
      ))}
    </ol>
  )
}
