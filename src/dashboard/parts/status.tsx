import { timeLeft, useNow } from '../format/time.ts'
import { inProgress, type JobStatus, type ModelStatus, type RevisionStatus, type Status, toStatusWord, toWord } from '../format/words.ts'
import type { DeploymentRowFragment } from '../gql/graphql.ts'
import { Icon, type IconName } from './icon.tsx'

const icons: Record<string, IconName> = {
  QUEUED: 'clock',
  COMPLETE: 'check',
  READY: 'check',
  SUSPENDED: 'pause',
  FAILED: 'warning',
  CANCELED: 'stop',
  DELETING: 'stop',
}

export function StatusBadge({ status }: { status: Status | ModelStatus | RevisionStatus | JobStatus }) {
  const icon = icons[status]
  return (
    <span className={`status ${status.toLowerCase()}`}>
      {icon ? <Icon name={icon} /> : <span className="spinner" aria-hidden="true" />}
      {toStatusWord(status)}
    </span>
  )
}

/** The status with the progress, or with the reason of a failure. */
export function StatusCell({ deployment }: { deployment: DeploymentRowFragment }) {
  const { status, failure } = deployment
  return (
    <div className="status-cell">
      <StatusBadge status={status} />
      {inProgress.includes(status) && <Progress deployment={deployment} />}
      {failure && (
        <span className="detail" title={failure.message}>
          {failure.message}
        </span>
      )}
    </div>
  )
}

export function Progress({ deployment }: { deployment: DeploymentRowFragment }) {
  const { name, stage, status, progress } = deployment
  const left = timeLeft(deployment, useNow())
  const percent = Math.round(progress * 100)
  const doing = stage ? toWord(stage) : status === 'QUEUED' ? 'Waiting for a worker' : 'Starting'
  return (
    <>
      <progress className="bar" max={100} value={percent} aria-label={`Progress of provisioning ${name}`}>
        {percent} %
      </progress>
      <span className={deployment.stalledSince ? 'detail stalled' : 'detail'}>
        {doing}
        {status === 'PROVISIONING' && ` · ${percent} %`}
        {left && ` · ${left}`}
      </span>
    </>
  )
}
