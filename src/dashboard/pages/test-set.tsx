import { useState } from 'react'
import { useQuery } from 'urql'
import { toReadMessage } from '../api/client.ts'
import { FollowTestSet, useTestSetDeletion } from '../api/evaluations.ts'
import { usePages } from '../api/pages.ts'
import { useRetry } from '../api/retry.ts'
import { useDashboard } from '../dashboard.ts'
import { count, formatSeconds } from '../format/amounts.ts'
import { TestSetDocument, type TestSetEntryFragment } from '../gql/graphql.ts'
import { useLast } from '../last.ts'
import { Confirm } from '../parts/confirm.tsx'
import { EvaluateDialog } from '../parts/evaluation/evaluate-dialog.tsx'
import { EvaluationTable, evaluationsPerPage, useEvaluations } from '../parts/evaluation/evaluation-table.tsx'
import { TestItems } from '../parts/evaluation/test-items.tsx'
import { PageHeading } from '../parts/heading.tsx'
import { Icon } from '../parts/icon.tsx'
import { Loading, ProblemPage } from '../parts/problem.tsx'
import { StatusBadge } from '../parts/status.tsx'
import { Link, navigate } from '../route.ts'
import { useTitle } from '../title.ts'

export default function TestSetPage({ id }: { id: string }) {
  const [{ data: read, error }, ask] = useQuery({ query: TestSetDocument, variables: { id } })
  const data = useLast(read)
  const testSet = data?.testSet
  const again = () => ask({ requestPolicy: 'network-only' })
  useRetry(error, again)
  useTitle(testSet?.name ?? (data ? 'Test set not found' : 'Test set'))
  if (error && !data) return <ProblemPage title="The test set can’t be loaded" message={toReadMessage(error)} again={again} />
  if (!data) return <Loading />
  if (!testSet)
    return (
      <ProblemPage title="Test set not found" message="The test set has been deleted, or the link is wrong.">
        <Link className="button" href="/test-sets">
          Back to test sets
        </Link>
      </ProblemPage>
    )
  return <TestSet testSet={testSet} />
}

function TestSet({ testSet }: { testSet: TestSetEntryFragment }) {
  const { mayManage } = useDashboard()
  const { id, name, description, locale, status, isTerminal, itemCount, durationSeconds, words } = testSet
  const remove = useTestSetDeletion(testSet)
  const [asking, setAsking] = useState<'evaluate' | 'delete'>()
  const close = () => setAsking(undefined)
  const { bounds, ...pages } = usePages(evaluationsPerPage)
  const { evaluations, again } = useEvaluations({ ...bounds, where: { testSetId: id } })
  return (
    <>
      <Link className="back" href={`/test-sets?locale=${locale}`}>
        <Icon name="back" />
        Test sets
      </Link>
      <div className="head">
        <div>
          <PageHeading>{name}</PageHeading>
          {description && <p className="description">{description}</p>}
          {status === 'READY' && (
            <p className="detail">
              {count(itemCount, 'recording')}, {formatSeconds(durationSeconds)}, {count(words, 'word')}, {locale}
            </p>
          )}
        </div>
        <div className="head-actions">
          {status === 'READY' && (
            <button type="button" className="primary button" disabled={!mayManage} onClick={() => setAsking('evaluate')}>
              Evaluate
            </button>
          )}
          <button type="button" className="button" disabled={!mayManage} onClick={() => setAsking('delete')}>
            Delete
          </button>
        </div>
      </div>
      {!isTerminal && <FollowTestSet id={id} />}
      <div className="column">
        {status !== 'READY' && <ImportState testSet={testSet} />}
        {evaluations && evaluations.totalCount > 0 && <EvaluationTable evaluations={evaluations} pages={pages} />}
        {status === 'READY' && <TestItems id={id} />}
      </div>
      {asking === 'evaluate' && (
        <EvaluateDialog
          testSet={testSet}
          close={close}
          created={() => {
            pages.toFirst()
            again()
          }}
        />
      )}
      <Confirm
        isOpen={asking === 'delete'}
        title={`Delete “${name}”?`}
        action="Delete"
        close={close}
        confirmed={async () => {
          if (await remove()) navigate(`/test-sets?locale=${locale}`)
        }}
      >
        Its recordings and its evaluations are deleted as well. This cannot be undone.
      </Confirm>
    </>
  )
}

/** The progress of the import, or its problems. */
function ImportState({ testSet: { name, status, isTerminal, progress, message, failure } }: { testSet: TestSetEntryFragment }) {
  const percent = Math.round(progress * 100)
  if (failure)
    return (
      <section className="card section failure">
        <StatusBadge status={status} />
        <p>{failure.message}</p>
        {failure.problems.length > 0 && (
          <ul className="import-problems" aria-label="Problems of the upload">
            {failure.problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        )}
      </section>
    )
  return (
    <section className="card section">
      <StatusBadge status={status} />
      {!isTerminal && (
        <div>
          <progress className="bar" max={100} value={percent} aria-label={`Progress of importing ${name}`}>
            {percent} %
          </progress>
          <span className="detail">{message}</span>
        </div>
      )}
    </section>
  )
}
