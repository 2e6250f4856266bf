import { useState } from 'react'
import { useModelActions } from '../api/actions.ts'
import { useDashboard } from '../dashboard.ts'
import { count, formatBytes, formatShare } from '../format/amounts.ts'
import { formatMoment } from '../format/time.ts'
import { mayCancelModel, mayRetry, toWord } from '../format/words.ts'
import type { ModelDetailFragment } from '../gql/graphql.ts'
import { Link } from '../route.ts'
import { Confirm } from './confirm.tsx'
import { EditModelDialog } from './edit-dialog.tsx'
import { AcceptLicense, License } from './license.tsx'
import { StatusBadge } from './status.tsx'

/** With fewer recordings, a single word changes the percentage too much. */
const minRecordings = 10

/** A model with its origin. A custom model also has its status, progress and actions. */
export function ModelCard({ model, refresh }: { model: ModelDetailFragment; refresh: () => void }) {
  const { id, name, description, isBase, isLicenseAccepted } = model
  return (
    <li className="card model-card">
      <div className="model-card-head">
        <h3>
          <Link href={`/models/${encodeURIComponent(id)}`}>{name}</Link>
        </h3>
        {isBase ? <span className="tag">Base</span> : <StatusBadge status={model.status} />}
      </div>
      {description && <p>{description}</p>}
      {!isBase && <Building model={model} />}
      <ModelFacts model={model} />
      {!isLicenseAccepted && <AcceptLicense model={model} accepted={refresh} />}
      {!isBase && <ModelActions model={model} deleted={refresh} />}
    </li>
  )
}

/** The origin, the scenario, the size and the license of a model. */
export function ModelFacts({ model }: { model: ModelDetailFragment }) {
  const { name, isBase, isReady, scenario, license, licenseUrl, isLicenseAccepted, sizeBytes } = model
  return (
    <dl className="facts">
      {!isBase && <Origin model={model} />}
      {toWord(scenario) !== name && (
        <>
          <dt>Scenario</dt>
          <dd>{toWord(scenario)}</dd>
        </>
      )}
      {isReady && (
        <>
          <dt>Size</dt>
          <dd>{formatBytes(sizeBytes)}</dd>
        </>
      )}
      {(isBase || licenseUrl) && isLicenseAccepted && (
        <>
          <dt>License</dt>
          <dd>
            <License license={license} licenseUrl={licenseUrl} />
          </dd>
        </>
      )}
    </dl>
  )
}

/** The progress of building, or the reason of a failure. */
export function Building({ model: { name, status, stage, progress, isTerminal, failure } }: { model: ModelDetailFragment }) {
  if (failure) return <p className="field-problem">{failure.message}</p>
  if (isTerminal) return null
  const percent = Math.round(progress * 100)
  return (
    <div>
      <progress className="bar" max={100} value={percent} aria-label={`Progress of building ${name}`}>
        {percent} %
      </progress>
      <span className="detail">
        {stage ? toWord(stage) : status === 'QUEUED' ? 'Waiting for a worker' : 'Starting'}
        {status === 'BUILDING' && ` · ${percent} %`}
      </span>
    </div>
  )
}

/** The sources and the evaluation of a custom model. */
function Origin({ model }: { model: ModelDetailFragment }) {
  const { baseModel, createdAt } = model
  const { source, phrases, pronunciations, statistics, evaluation } = {
    source: null,
    phrases: [],
    pronunciations: [],
    statistics: null,
    evaluation: null,
    ...model,
  }
  return (
    <>
      <dt>Built from</dt>
      <dd>
        {[
          baseModel?.name,
          source,
          statistics && `${count(statistics.lines, 'line')} of text, ${count(statistics.words, 'word')} (${statistics.vocabulary.toLocaleString('en')} unique)`,
          phrases.length > 0 && count(phrases.length, 'phrase'),
          pronunciations.length > 0 && count(pronunciations.length, 'pronunciation'),
        ]
          .filter(Boolean)
          .join(' + ')}
      </dd>
      {evaluation && (
        <>
          <dt>Word errors</dt>
          <dd>
            {formatShare(evaluation.before)} → <strong>{formatShare(evaluation.after)}</strong> on {count(evaluation.recordings, 'recording')}
            {evaluation.isWorse && <span className="detail stalled">Worse than the base model. Use text that is closer to real speech.</span>}
            {evaluation.recordings < minRecordings && <span className="detail">With so few recordings the result is not reliable.</span>}
          </dd>
        </>
      )}
      <dt>Added</dt>
      <dd>{formatMoment(createdAt)}</dd>
    </>
  )
}

/** The actions of a custom model. */
export function ModelActions({ model, deleted }: { model: ModelDetailFragment; deleted: () => void }) {
  const { mayManage } = useDashboard()
  const { retry, cancel, remove } = useModelActions(model)
  const [asking, setAsking] = useState<'edit' | 'delete'>()
  const close = () => setAsking(undefined)
  const { name, status, isReady } = model
  if (!mayManage) return null
  return (
    <div className="form-actions">
      {isReady && <DeployLink model={model} />}
      {mayRetry(status) && (
        <button type="button" className="small button" aria-label={`Retry ${name}`} onClick={retry}>
          Retry
        </button>
      )}
      {mayCancelModel(status) && (
        <button type="button" className="small button" aria-label={`Cancel ${name}`} onClick={cancel}>
          Cancel
        </button>
      )}
      <button type="button" className="small button" aria-label={`Edit ${name}`} onClick={() => setAsking('edit')}>
        Edit
      </button>
      <button type="button" className="small button" aria-label={`Delete ${name}`} onClick={() => setAsking('delete')}>
        Delete
      </button>
      {asking === 'edit' && <EditModelDialog model={model} close={close} />}
      <Confirm
        isOpen={asking === 'delete'}
        title={`Delete “${name}”?`}
        action="Delete"
        close={close}
        confirmed={async () => {
          if (await remove()) deleted()
        }}
      >
        The text, phrases and recordings of the model are deleted as well. This cannot be undone.
      </Confirm>
    </div>
  )
}

/** Opens the form for a new deployment with the model chosen. */
export function DeployLink({ model: { id, name, locale } }: { model: ModelDetailFragment }) {
  return (
    <Link className="small button" aria-label={`Deploy ${name}`} href={`/new?locale=${locale}&model=${encodeURIComponent(id)}`}>
      Deploy
    </Link>
  )
}
