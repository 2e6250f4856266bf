import { useState } from 'react'
import { useQuery } from 'urql'
import { toReadMessage } from '../api/client.ts'
import { FollowEvaluation, useEvaluationActions } from '../api/evaluations.ts'
import { useRetry } from '../api/retry.ts'
import { useDashboard } from '../dashboard.ts'
import { formatMoment } from '../format/time.ts'
import { EvaluationDocument, type EvaluationQuery } from '../gql/graphql.ts'
import { useLast } from '../last.ts'
import { Confirm } from '../parts/confirm.tsx'
import { CompareWith } from '../parts/evaluation/compare-with.tsx'
import { EvaluatedItems } from '../parts/evaluation/evaluated-items.tsx'
import { EvaluationState, toSubject } from '../parts/evaluation/evaluation-table.tsx'
import { Confusions, Totals } from '../parts/evaluation/totals.tsx'
import { PageHeading } from '../parts/heading.tsx'
import { Icon } from '../parts/icon.tsx'
import { Loading, ProblemPage } from '../parts/problem.tsx'
import { Link, navigate } from '../route.ts'
import { useTitle } from '../title.ts'

type Evaluation = NonNullable<EvaluationQuery['evaluation']>

export default function EvaluationPage({ id }: { id: string }) {
  const [{ data: read, error }, ask] = useQuery({ query: EvaluationDocument, variables: { id } })
  const data = useLast(read)
  const evaluation = data?.evaluation
  const again = () => ask({ requestPolicy: 'network-only' })
  useRetry(error, again)
  useTitle(evaluation ? `Evaluation of ${toSubject(evaluation)}` : data ? 'Evaluation not found' : 'Evaluation')
  if (error && !data) return <ProblemPage title="The evaluation can’t be loaded" message={toReadMessage(error)} again={again} />
  if (!data) return <Loading />
  if (!evaluation)
    return (
      <ProblemPage title="Evaluation not found" message="The evaluation has been deleted, or the link is wrong.">
        <Link className="button" href="/test-sets">
          Back to test sets
        </Link>
      </ProblemPage>
    )
  const { result, isTerminal } = evaluation
  return (
    <>
      <Link className="back" href={`/test-sets/${encodeURIComponent(evaluation.testSet.id)}`}>
        <Icon name="back" />
        {evaluation.testSet.name}
      </Link>
      <Head evaluation={evaluation} />
      {!isTerminal && <FollowEvaluation id={id} />}
      <div className="columns">
        <div className="column">
          {result ? (
            <EvaluatedItems id={id} />
          ) : (
            <section className="card section">
              <EvaluationState evaluation={evaluation} />
            </section>
          )}
        </div>
        <aside className="column">
          {result && <Totals result={result} />}
          {result && <Confusions confusions={result.confusions} />}
          {result && <CompareWith evaluation={evaluation} />}
          <Details evaluation={evaluation} />
        </aside>
      </div>
    </>
  )
}

function Head({ evaluation }: { evaluation: Evaluation }) {
  const { mayManage } = useDashboard()
  const { id, isTerminal, testSet } = evaluation
  const { cancel, remove } = useEvaluationActions(id)
  const [isAsking, setAsking] = useState(false)
  return (
    <div className="head">
      <PageHeading>Evaluation of {toSubject(evaluation)}</PageHeading>
      <div className="head-actions">
        {!isTerminal && (
          <button type="button" className="button" disabled={!mayManage} onClick={cancel}>
            Cancel
          </button>
        )}
        <button type="button" className="button" disabled={!mayManage} onClick={() => setAsking(true)}>
          Delete
        </button>
      </div>
      <Confirm
        isOpen={isAsking}
        title="Delete this evaluation?"
        action="Delete"
        close={() => setAsking(false)}
        confirmed={async () => {
          if (await remove()) navigate(`/test-sets/${encodeURIComponent(testSet.id)}`)
        }}
      >
        The result is deleted. The test set and the models stay.
      </Confirm>
    </div>
  )
}

function Details({ evaluation: { testSet, deployment, revision, acousticModel, languageModel, createdAt, completedAt } }: { evaluation: Evaluation }) {
  return (
    <section className="card section" aria-label="Details">
      <h2>Details</h2>
      <dl className="facts">
        <dt>Test set</dt>
        <dd>
          <Link href={`/test-sets/${encodeURIComponent(testSet.id)}`}>{testSet.name}</Link>
        </dd>
        {deployment && (
          <>
            <dt>Deployment</dt>
            <dd>
              <Link href={`/deployments/${encodeURIComponent(deployment.id)}`}>{deployment.name}</Link>
              {revision !== null && <span className="detail">Revision {revision}</span>}
            </dd>
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
        <dt>Created</dt>
        <dd>{formatMoment(createdAt)}</dd>
        {completedAt && (
          <>
            <dt>Ended</dt>
            <dd>{formatMoment(completedAt)}</dd>
          </>
        )}
      </dl>
    </section>
  )
}

function ModelLink({ model }: { model: Evaluation['acousticModel'] }) {
  return model ? <Link href={`/models/${encodeURIComponent(model.id)}`}>{model.name}</Link> : 'Deleted'
}
