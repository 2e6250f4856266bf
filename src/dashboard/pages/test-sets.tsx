import { useState } from 'react'
import { useQuery } from 'urql'
import { toReadMessage } from '../api/client.ts'
import { FollowTestSet, toFollowed } from '../api/evaluations.ts'
import { usePages } from '../api/pages.ts'
import { useRetry } from '../api/retry.ts'
import { useDashboard } from '../dashboard.ts'
import { formatSeconds } from '../format/amounts.ts'
import { type Locale, useLocale } from '../format/locale.ts'
import { formatAgo, formatMoment, useNow } from '../format/time.ts'
import { type TestSetEntryFragment, TestSetsDocument } from '../gql/graphql.ts'
import { useLast } from '../last.ts'
import { CreateTestSetDialog } from '../parts/evaluation/create-test-set.tsx'
import { PageHeading } from '../parts/heading.tsx'
import { Icon } from '../parts/icon.tsx'
import { LocalePicker } from '../parts/locale-picker.tsx'
import { Pagination } from '../parts/pagination.tsx'
import { Loading, ProblemPage } from '../parts/problem.tsx'
import { StatusBadge } from '../parts/status.tsx'
import { Link, useSearch } from '../route.ts'
import { useTitle } from '../title.ts'

const testSetsPerPage = 50

/** The test sets of a locale, newest first. */
export default function TestSetsPage() {
  const { locale, locales, error, refresh } = useLocale()
  useTitle('Test sets')
  if (locale) return <TestSetsOfLocale key={locale.code} locale={locale} locales={locales} />
  return error ? <ProblemPage title="Test sets can’t be loaded" message={toReadMessage(error)} again={refresh} /> : <Loading />
}

function TestSetsOfLocale({ locale, locales }: { locale: Locale; locales: readonly Locale[] }) {
  const { mayManage } = useDashboard()
  const [, setSearch] = useSearch()
  const [isCreating, setCreating] = useState(false)
  const { bounds, toFirst, ...pages } = usePages(testSetsPerPage)
  const [{ data: read, error }, ask] = useQuery({ query: TestSetsDocument, variables: { ...bounds, where: { locale: locale.code } } })
  const testSets = useLast(read)?.testSets
  const again = () => ask({ requestPolicy: 'network-only' })
  useRetry(error, again)
  if (error && !testSets) return <ProblemPage title="Test sets can’t be loaded" message={toReadMessage(error)} again={again} />
  if (!testSets) return <Loading />
  const create = (
    <button type="button" className="primary button" onClick={() => setCreating(true)}>
      <Icon name="plus" />
      Create test set
    </button>
  )
  return (
    <>
      <div className="head">
        <PageHeading>
          Test sets, <span className="muted">{locale.name}</span>
        </PageHeading>
        <div className="head-actions">
          <LocalePicker locale={locale} locales={locales} choose={(code) => setSearch({ locale: code }, { push: true })} />
          {mayManage && testSets.totalCount > 0 && create}
        </div>
      </div>
      {toFollowed(testSets.nodes).map(({ id }) => (
        <FollowTestSet key={id} id={id} />
      ))}
      {testSets.totalCount === 0 ? (
        <section className="empty">
          <h2>No test sets</h2>
          <p>A test set has recordings with transcripts. An evaluation counts the words that models recognize wrongly in them.</p>
          {mayManage && create}
        </section>
      ) : (
        <>
          <TestSetTable rows={testSets.nodes} />
          <Pagination label="Pages" pageInfo={testSets.pageInfo} shown={testSets.nodes.length} total={testSets.totalCount} noun="test set" {...pages} />
        </>
      )}
      {isCreating && (
        <CreateTestSetDialog
          locale={locale.code}
          close={() => {
            setCreating(false)
            toFirst()
            again()
          }}
        />
      )}
    </>
  )
}

function TestSetTable({ rows }: { rows: readonly TestSetEntryFragment[] }) {
  const now = useNow(true, 30_000)
  return (
    <div className="card table-card">
      <table className="test-sets" aria-label="Test sets">
        <thead>
          <tr>
            <th>Name</th>
            <th>Recordings</th>
            <th>Duration</th>
            <th>Status</th>
            <th>Created</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <th scope="row" className="name">
                <Link href={`/test-sets/${encodeURIComponent(row.id)}`}>{row.name}</Link>
                {row.description && <span className="detail note-text">{row.description}</span>}
              </th>
              <td data-label="Recordings">{row.status === 'READY' ? row.itemCount.toLocaleString('en') : '–'}</td>
              <td data-label="Duration">{row.status === 'READY' ? formatSeconds(row.durationSeconds) : '–'}</td>
              <td data-label="Status">
                <StatusBadge status={row.status} />
              </td>
              <td data-label="Created" className="created">
                <time dateTime={row.createdAt} title={formatMoment(row.createdAt)}>
                  {formatAgo(row.createdAt, now)}
                </time>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
