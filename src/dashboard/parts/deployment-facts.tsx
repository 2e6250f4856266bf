// The cards beside a deployment: the proof, and the details.
import type { ReactNode } from 'react'
import { formatDuration, formatMoment } from '../format/time.ts'
import { toStatusWord } from '../format/words.ts'
import type { DeploymentQuery } from '../gql/graphql.ts'
import { Link } from '../route.ts'
import { StatusBadge } from './status.tsx'

type Deployment = NonNullable<DeploymentQuery['deployment']>

export function Card({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="card section">
      <h2>{title}</h2>
      {children}
    </section>
  )
}

export function VerificationCard({ verification }: { verification: NonNullable<Deployment['verification']> }) {
  const { referenceText, transcript, audioMs, latencyMs, verifiedAt, warning } = verification
  return (
    <Card title="Verified">
      <p className="detail">The server tested this endpoint with a recording before it set the status to Complete.</p>
      <dl className="facts stacked">
        <dt>Spoken</dt>
        <dd>{referenceText}</dd>
        <dt>Text</dt>
        <dd>{transcript}</dd>
      </dl>
      <p className="detail">
        {formatDuration(audioMs)} of speech recognized in {formatDuration(latencyMs)}, {formatMoment(verifiedAt)}
      </p>
      {warning && (
        <p className="detail" role="note">
          Warning: {warning}
        </p>
      )}
    </Card>
  )
}

export function Facts({ deployment }: { deployment: Deployment }) {
  const { acousticModel, languageModel, locale, createdAt, completedAt, status, currentRevision } = deployment
  return (
    <Card title="Details">
      <dl className="facts">
        <dt>Status</dt>
        <dd>
          <StatusBadge status={status} />
        </dd>
        {currentRevision.number > 1 && (
          <>
            <dt>Revision</dt>
            <dd>{currentRevision.number}</dd>
          </>
        )}
        <dt>Acoustic model</dt>
        <dd>
          <ModelLink model={acousticModel} />
        </dd>
        <dt>Language model</dt>
        <dd>
          <ModelLink model={languageModel} />
        </dd>
        <dt>Locale</dt>
        <dd>{locale}</dd>
        <dt>Created</dt>
        <dd>{formatMoment(createdAt)}</dd>
        {completedAt && (
          <>
            <dt>{status === 'COMPLETE' || status === 'SUSPENDED' ? toStatusWord(status) : 'Ended'}</dt>
            <dd>{formatMoment(completedAt)}</dd>
          </>
        )}
      </dl>
    </Card>
  )
}

function ModelLink({ model }: { model: Deployment['acousticModel'] }) {
  return (
    <>
      <Link href={`/models/${encodeURIComponent(model.id)}`}>{model.name}</Link> <span className="muted">({model.isBase ? 'base' : 'custom'})</span>
    </>
  )
}
