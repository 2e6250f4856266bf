import { useCallback, useEffect, useState } from 'react'
import { useQuery } from 'urql'
import { useDeploymentActions } from '../api/actions.ts'
import { toReadMessage } from '../api/client.ts'
import { type LiveChange, useRefresh } from '../api/live.ts'
import { useRetry } from '../api/retry.ts'
import { changesRevisions } from '../api/revisions.ts'
import { useDashboard } from '../dashboard.ts'
import { findAttempt } from '../format/stage-times.ts'
import { inProgress, mayCancel, mayResume, mayRetry, maySuspend, toWord } from '../format/words.ts'
import { type ChangeFragment, DeploymentDocument, type DeploymentQuery } from '../gql/graphql.ts'
import { useLast } from '../last.ts'
import { Card, Facts, VerificationCard } from '../parts/deployment-facts.tsx'
import { DeleteConfirm, SuspendConfirm } from '../parts/deployment-menu.tsx'
import { EditDeploymentDialog } from '../parts/edit-dialog.tsx'
import { EndpointCard, type ServedEndpoint } from '../parts/endpoint.tsx'
import { PageHeading } from '../parts/heading.tsx'
import { Icon } from '../parts/icon.tsx'
import { Loading, ProblemPage } from '../parts/problem.tsx'
import { PendingRevision } from '../parts/revisions/pending-revision.tsx'
import { RedeployDialog } from '../parts/revisions/redeploy-dialog.tsx'
import { RevisionHistory } from '../parts/revisions/revision-history.tsx'
import { Stages } from '../parts/stages.tsx'
import { Progress, StatusBadge } from '../parts/status.tsx'
import { TryIt } from '../parts/try-it.tsx'
import { Link, navigate } from '../route.ts'
import { useTitle } from '../title.ts'

type Deployment = NonNullable<DeploymentQuery['deployment']>

export default function DeploymentPage({ id }: { id: string }) {
  const { live } = useDashboard()
  const [{ data: read, error }, refresh] = useQuery({ query: DeploymentDocument, variables: { id } })
  const data = useLast(read ?? undefined)
  const again = useCallback(() => refresh({ requestPolicy: 'network-only' }), [refresh])
  const concerns = useCallback(
    (change: LiveChange) => change.deploymentId === id && (change.status !== change.previousStatus || changesRevisions(change)),
    [id],
  )
  useRefresh(live, concerns, again)
  const changes = useChanges(id, data?.deployment?.timeline.nodes)
  const deployment = data?.deployment
  useRetry(error, again)
  useTitle(deployment?.name ?? (data ? 'Deployment not found' : 'Deployment'))

  if (error && !data) return <ProblemPage title="The deployment can’t be loaded" message={toReadMessage(error)} again={again} />
  if (!data) return <Loading />
  if (!deployment)
    return (
      <ProblemPage
        title="Deployment not found"
        message="The deployment has been deleted, or the link is wrong. Deleted deployments can be restored for a week."
      >
        <Link className="button" href="/deleted">
          Recently deleted
        </Link>
        <Link className="button" href="/">
          Back to deployments
        </Link>
      </ProblemPage>
    )
  return (
    <>
      <Link className="back" href={`/?locale=${deployment.locale}`}>
        <Icon name="back" />
        Deployments
      </Link>
      <Head deployment={deployment} />
      <div className="columns">
        <div className="column">
          <DeploymentState deployment={deployment} />
          {deployment.pendingRevision && <PendingRevision key={deployment.pendingRevision.id} deployment={deployment} revision={deployment.pendingRevision} />}
          {deployment.isServing && deployment.endpoint && <Serving endpoint={deployment.endpoint} />}
          <RevisionHistory deployment={deployment} />
        </div>
        <aside className="column">
          <ProvisioningCard deployment={deployment} changes={changes} />
          {deployment.verification && <VerificationCard verification={deployment.verification} />}
          <Facts deployment={deployment} />
        </aside>
      </div>
    </>
  )
}

/** The stages of the latest attempt. The log can have later changes only, such as many rollbacks. */
function ProvisioningCard({ deployment, changes }: { deployment: Deployment; changes: readonly ChangeFragment[] }) {
  const attempt = findAttempt(changes)
  const isExpected = inProgress.includes(deployment.status) || deployment.pendingRevision
  if (!isExpected && !attempt.steps.some(({ stage }) => stage)) return null
  return (
    <Card title={attempt.revision ? `Provisioning of revision ${attempt.revision}` : 'Provisioning'}>
      <Stages attempt={attempt} />
    </Card>
  )
}

/** Both cards share one recognition mode. */
function Serving({ endpoint }: { endpoint: ServedEndpoint }) {
  const defaultUrls = endpoint.urls.find(({ httpUrl }) => httpUrl === endpoint.httpUrl) ?? endpoint.urls[0]
  const [mode, choose] = useState(defaultUrls?.mode)
  return (
    <>
      <TryIt endpoint={endpoint} mode={mode} choose={choose} />
      <EndpointCard endpoint={endpoint} mode={mode} choose={choose} />
    </>
  )
}

/** The log that was read, with the changes since. */
function useChanges(id: string, read: readonly ChangeFragment[] = []): readonly ChangeFragment[] {
  const { live } = useDashboard()
  const [heard, setHeard] = useState<readonly ChangeFragment[]>([])
  useEffect(() => live.onChange((change) => change.deploymentId === id && setHeard((others) => [...others.slice(-199), change])), [live, id])
  const all = new Map([...read, ...heard].map((change) => [change.sequence, change]))
  return [...all.values()].sort((a, b) => a.sequence - b.sequence)
}

function Head({ deployment }: { deployment: Deployment }) {
  const { mayManage } = useDashboard()
  const { retry, cancel, suspend, resume, remove } = useDeploymentActions(deployment)
  const [asking, setAsking] = useState<'redeploy' | 'edit' | 'suspend' | 'delete'>()
  const close = () => setAsking(undefined)
  const deleteAndLeave = async () => {
    if (await remove()) navigate(`/?locale=${deployment.locale}`)
  }
  return (
    <div className="head">
      <div>
        <PageHeading>{deployment.name}</PageHeading>
        {deployment.description && <p className="description">{deployment.description}</p>}
      </div>
      <div className="head-actions">
        {mayRetry(deployment.status) && (
          <button type="button" className="primary button" disabled={!mayManage} onClick={retry}>
            Retry
          </button>
        )}
        {mayCancel(deployment.status) && (
          <button type="button" className="button" disabled={!mayManage} onClick={cancel}>
            Cancel
          </button>
        )}
        {mayResume(deployment.status) && (
          <button type="button" className="primary button" disabled={!mayManage} onClick={resume}>
            Resume
          </button>
        )}
        {deployment.status === 'COMPLETE' && (
          <button type="button" className="button" disabled={!mayManage} onClick={() => setAsking('redeploy')}>
            Deploy another model
          </button>
        )}
        {maySuspend(deployment.status) && (
          <button type="button" className="button" disabled={!mayManage} onClick={() => setAsking('suspend')}>
            Suspend
          </button>
        )}
        <button type="button" className="button" disabled={!mayManage} onClick={() => setAsking('edit')}>
          Edit
        </button>
        <button type="button" className="button" disabled={!mayManage} onClick={() => setAsking('delete')}>
          Delete
        </button>
      </div>
      {asking === 'redeploy' && <RedeployDialog deployment={deployment} close={close} />}
      {asking === 'edit' && <EditDeploymentDialog deployment={deployment} close={close} />}
      <SuspendConfirm deployment={deployment} isOpen={asking === 'suspend'} close={close} confirmed={suspend} />
      <DeleteConfirm deployment={deployment} isOpen={asking === 'delete'} close={close} confirmed={deleteAndLeave} />
    </div>
  )
}

/** The progress, the reason of a failure, or a note about the cancellation or suspension. */
function DeploymentState({ deployment }: { deployment: Deployment }) {
  const { status, failure } = deployment
  if (failure)
    return (
      <section className="card section failure">
        <StatusBadge status={status} />
        <p>{failure.message}</p>
        <p className="detail">
          While {toWord(failure.stage).toLowerCase()} · <code>{failure.code}</code>
        </p>
      </section>
    )
  if (inProgress.includes(status))
    return (
      <section className="card section">
        <StatusBadge status={status} />
        <Progress deployment={deployment} />
      </section>
    )
  if (status === 'COMPLETE') return null
  return (
    <section className="card section">
      <StatusBadge status={status} />
      <p className="detail">
        {status === 'SUSPENDED'
          ? 'The URLs refuse all clients. Resume to test the deployment again and serve the same URLs.'
          : 'Provisioning was canceled. Retry to provision the deployment again with the same ID.'}
      </p>
    </section>
  )
}
