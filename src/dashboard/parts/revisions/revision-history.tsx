import { useCallback, useState } from 'react'
import { useMutation, useQuery } from 'urql'
import { toMessage } from '../../api/client.ts'
import { toFieldProblems } from '../../api/field-problems.ts'
import { type LiveChange, useRefresh } from '../../api/live.ts'
import { usePages } from '../../api/pages.ts'
import { changesRevisions } from '../../api/revisions.ts'
import { useDashboard } from '../../dashboard.ts'
import { formatShare } from '../../format/amounts.ts'
import { formatDuration, formatMoment } from '../../format/time.ts'
import { type DeploymentQuery, type RevisionRowFragment, RevisionsDocument, type RevisionsQuery, RollbackDeploymentDocument } from '../../gql/graphql.ts'
import { useLast } from '../../last.ts'
import { Link } from '../../route.ts'
import { Field } from '../field.tsx'
import { FormDialog } from '../form-dialog.tsx'
import { Icon } from '../icon.tsx'
import { tell } from '../news.tsx'
import { Pagination } from '../pagination.tsx'
import { StatusBadge } from '../status.tsx'

type Deployment = NonNullable<DeploymentQuery['deployment']>
type Revision = NonNullable<RevisionsQuery['deployment']>['revisions']['nodes'][number]

const revisionsPerPage = 10

/** The revisions of a deployment, newest first. A deployment that has only its first revision has no history. */
export function RevisionHistory({ deployment }: { deployment: Deployment }) {
  const { live } = useDashboard()
  const { id } = deployment
  const { bounds, ...pages } = usePages(revisionsPerPage)
  const [{ data: read }, ask] = useQuery({ query: RevisionsDocument, variables: { id, ...bounds } })
  const again = useCallback(() => ask({ requestPolicy: 'network-only' }), [ask])
  const concerns = useCallback((change: LiveChange) => change.deploymentId === id && changesRevisions(change), [id])
  useRefresh(live, concerns, again)
  const revisions = useLast(read?.deployment ?? undefined)?.revisions
  const [target, setTarget] = useState<RevisionRowFragment>()
  if (!revisions || revisions.totalCount < 2) return null
  return (
    <section className="revision-history" aria-label="History">
      <h2>History</h2>
      <div className="card table-card">
        <table className="revisions" aria-label="Revisions">
          <thead>
            <tr>
              <th>Revision</th>
              <th>Models</th>
              <th>Requested</th>
              <th>Status</th>
              <th>
                <span className="hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {revisions.nodes.map((revision) => (
              <HistoryRow key={revision.id} deployment={deployment} revision={revision} choose={() => setTarget(revision)} />
            ))}
          </tbody>
        </table>
      </div>
      <Pagination
        label="Pages of revisions"
        pageInfo={revisions.pageInfo}
        shown={revisions.nodes.length}
        total={revisions.totalCount}
        noun="revision"
        {...pages}
      />
      {target && <RollbackDialog deployment={deployment} revision={target} close={() => setTarget(undefined)} />}
    </section>
  )
}

/** The API names every switch a rollback. To a newer revision, the word misleads. */
const toAction = (revision: RevisionRowFragment, { currentRevision }: Deployment) => (revision.number < currentRevision.number ? 'Roll back' : 'Switch')

function HistoryRow({ deployment, revision, choose }: { deployment: Deployment; revision: Revision; choose: () => void }) {
  const { mayManage } = useDashboard()
  const { number, note, acousticModel, languageModel, createdAt, createdBy, status, failure, verification, evaluation } = revision
  const isCurrent = number === deployment.currentRevision.number
  const isPending = number === deployment.pendingRevision?.number
  const maySwitch = mayManage && status === 'COMPLETE' && !isCurrent && !isPending && deployment.status === 'COMPLETE'
  const action = toAction(revision, deployment)
  return (
    <tr>
      <th scope="row" className="name">
        Revision {number}
        {note && <span className="detail note-text">{note}</span>}
      </th>
      <td data-label="Models">
        {acousticModel.name}
        <span className="detail">{languageModel.name}</span>
      </td>
      <td data-label="Requested">
        <time dateTime={createdAt}>{formatMoment(createdAt)}</time>
        {createdBy && <span className="detail">with the key {createdBy.name}</span>}
      </td>
      <td data-label="Status">
        {isCurrent && deployment.isServing ? (
          <span className="status complete">
            <Icon name="check" />
            Serving
          </span>
        ) : isPending && status === 'COMPLETE' ? (
          <span className="tag">On trial</span>
        ) : (
          <StatusBadge status={status} />
        )}
        {failure && <span className="detail">{failure.message}</span>}
        {verification && (
          <span className="detail">
            Test: {formatDuration(verification.audioMs)} of speech in {formatDuration(verification.latencyMs)}
          </span>
        )}
        {evaluation && (
          <Link className="detail" href={`/evaluations/${encodeURIComponent(evaluation.id)}`}>
            Evaluation{evaluation.result && `: ${formatShare(evaluation.result.wordErrorRate)} word errors`}
          </Link>
        )}
      </td>
      <td className="row-end">
        {maySwitch && (
          <button type="button" className="small button" aria-label={`${action} to revision ${number}`} onClick={choose}>
            {action}
          </button>
        )}
      </td>
    </tr>
  )
}

function RollbackDialog({ deployment, revision, close }: { deployment: Deployment; revision: RevisionRowFragment; close: () => void }) {
  const [{ fetching }, rollback] = useMutation(RollbackDeploymentDocument)
  const [note, setNote] = useState('')
  const [problems, setProblems] = useState<Record<string, string>>({})
  const [{ currentRevision }] = useState(deployment)
  const { number } = revision
  const action = toAction(revision, deployment)
  const submit = async () => {
    const { data, error } = await rollback({ input: { deploymentId: deployment.id, toRevision: number, note } })
    const result = data?.rollbackDeployment
    if (result?.__typename === 'RollbackDeploymentSuccess') {
      tell(`Revision ${number} serves all new sessions.`)
      return true
    }
    const refusal = error ? { message: toMessage(error) } : result
    if (refusal && 'message' in refusal) setProblems(toFieldProblems([refusal], ['note']))
    return false
  }
  return (
    <FormDialog title={`${action} to revision ${number}?`} action={action} isBusy={fetching} problem={problems['']} close={close} submit={submit}>
      <p className="detail">
        Revision {number} ({revision.acousticModel.name}, {revision.languageModel.name}) serves all new sessions at once. Open sessions end on revision{' '}
        {currentRevision.number}.
      </p>
      <Field label="Note" hint="Optional. The reason, for the log of the deployment." problem={problems['note']}>
        {(described) => <textarea {...described} rows={2} value={note} onChange={(event) => setNote(event.target.value)} />}
      </Field>
    </FormDialog>
  )
}
