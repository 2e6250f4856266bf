import { useEffect, useRef, useState } from 'react'
import { useTrialActions } from '../../api/revisions.ts'
import { useDashboard } from '../../dashboard.ts'
import { count, formatShare } from '../../format/amounts.ts'
import { isInWork, toWord } from '../../format/words.ts'
import type { RevisionRowFragment, TrialFragment } from '../../gql/graphql.ts'
import { Field } from '../field.tsx'
import { StatusBadge } from '../status.tsx'

/** The revision that is being provisioned or on trial, with its progress and actions. */
export function PendingRevision({ deployment, revision }: { deployment: TrialFragment; revision: RevisionRowFragment }) {
  const { mayManage } = useDashboard()
  const { number, status, note } = revision
  const isOnTrial = !isInWork(status)
  const { cancel, promote, shareCanary, shareShadow, isBusy } = useTrialActions(deployment.id, { number, isOnTrial })
  const { canary, shadow, currentRevision } = deployment
  return (
    <section className="card section" aria-label={`Revision ${number}`}>
      <div className="section-head">
        <h2>Revision {number}</h2>
        {isOnTrial ? <span className="tag">On trial</span> : <StatusBadge status={status} />}
      </div>
      <p>
        {revision.acousticModel.name} · {revision.languageModel.name}
        {note && <span className="detail note-text">{note}</span>}
      </p>
      {!isOnTrial && <RevisionProgress revision={revision} />}
      <p className="detail">
        {isOnTrial
          ? `The revision has passed its test. Revision ${currentRevision.number} serves all other sessions.`
          : `Revision ${currentRevision.number} serves all sessions meanwhile.`}
      </p>
      {canary && (
        <ShareSlider
          name="Canary"
          of="clients"
          hint="The share of clients whose new sessions the revision serves on trial."
          percent={canary.percent}
          isDisabled={!mayManage}
          share={shareCanary}
        />
      )}
      {shadow && <ShareSlider name="Shadow" of="recordings" hint={toDifference(shadow)} percent={shadow.percent} isDisabled={!mayManage} share={shareShadow} />}
      {mayManage && (
        <div className="form-actions">
          {isOnTrial && (
            <button type="button" className="primary button" disabled={isBusy} onClick={promote}>
              Promote
            </button>
          )}
          <button type="button" className="button" disabled={isBusy} onClick={cancel}>
            {isOnTrial ? 'End the trial' : `Cancel revision ${number}`}
          </button>
        </div>
      )}
    </section>
  )
}

function RevisionProgress({ revision: { number, status, stage, progress } }: { revision: RevisionRowFragment }) {
  const percent = Math.round(progress * 100)
  return (
    <div>
      <progress className="bar" max={100} value={percent} aria-label={`Progress of revision ${number}`}>
        {percent} %
      </progress>
      <span className="detail">
        {stage ? toWord(stage) : status === 'QUEUED' ? 'Waiting for a worker' : 'Starting'}
        {status === 'PROVISIONING' && ` · ${percent} %`}
      </span>
    </div>
  )
}

/** The result of the shadow as a sentence. */
function toDifference({ recordings, words, differingWords, differingWordRate }: NonNullable<TrialFragment['shadow']>): string {
  if (!recordings) return 'The revision recognizes these recordings as well, in idle capacity. No recording has been compared yet.'
  const rate = differingWordRate === null ? '' : ` (${formatShare(differingWordRate)})`
  return `${differingWords.toLocaleString('en')} of ${count(words, 'word')} differ${rate} in ${count(recordings, 'recording')}.`
}

const settleMs = 400

interface ShareSliderProps {
  name: string
  /** The counted things. */
  of: string
  hint: string
  percent: number
  isDisabled: boolean
  share: (percent: number) => Promise<boolean>
}

/** Sends the share when the slider has not moved for 400 ms. */
function ShareSlider({ name, of, hint, percent, isDisabled, share }: ShareSliderProps) {
  const [wanted, setWanted] = useState<number>()
  const latest = useRef(share)
  latest.current = share
  useEffect(() => {
    if (wanted === undefined) return
    const timer = setTimeout(async () => {
      if (wanted !== percent) await latest.current(wanted)
      setWanted((now) => (now === wanted ? undefined : now))
    }, settleMs)
    return () => clearTimeout(timer)
  }, [wanted, percent])
  const shown = wanted ?? percent
  return (
    <Field label={`${name}: ${shown} % of ${of}`} hint={hint} problem={undefined}>
      {(described) => (
        <input
          {...described}
          className="slider"
          type="range"
          min={0}
          max={100}
          step={5}
          value={shown}
          disabled={isDisabled}
          aria-valuetext={`${shown} % of ${of}`}
          onChange={(event) => setWanted(Number(event.target.value))}
        />
      )}
    </Field>
  )
}
