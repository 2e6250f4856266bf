import { useCallback, useState } from 'react'
import { useQuery } from 'urql'
import { useRestoration } from '../api/actions.ts'
import { toReadMessage } from '../api/client.ts'
import { type LiveChange, useRefresh } from '../api/live.ts'
import { useRetry } from '../api/retry.ts'
import { useDashboard } from '../dashboard.ts'
import { useLocale } from '../format/locale.ts'
import { formatAgo, formatMoment, useNow } from '../format/time.ts'
import { DeletedDeploymentsDocument, type DeletedDeploymentsQuery } from '../gql/graphql.ts'
import { useLast } from '../last.ts'
import { PageHeading } from '../parts/heading.tsx'
import { Icon } from '../parts/icon.tsx'
import { Loading, ProblemPage } from '../parts/problem.tsx'
import { Link, navigate } from '../route.ts'
import { useTitle } from '../title.ts'

type Deleted = DeletedDeploymentsQuery['deletedDeployments']['nodes'][number]

/** The deleted deployments of the current locale that can be restored. */
export default function DeletedPage() {
  const { live } = useDashboard()
  const { locale, error: localesError } = useLocale()
  const [cursors, setCursors] = useState<readonly string[]>([])
  const variables = { locale: locale?.code ?? null, after: cursors.at(-1) ?? null }
  const [{ data: read, error }, ask] = useQuery({ query: DeletedDeploymentsDocument, variables, pause: !locale, requestPolicy: 'cache-and-network' })
  const data = useLast(read)
  const again = useCallback(() => ask({ requestPolicy: 'network-only' }), [ask])
  useRefresh(live, changesList, again)
  useRetry(error, again)
  useTitle('Recently deleted')
  const problem = localesError ?? error
  if (problem && !data) return <ProblemPage title="Deleted deployments can’t be loaded" message={toReadMessage(problem)} again={again} />
  if (!locale || !data) return <Loading />
  const { nodes, pageInfo } = data.deletedDeployments
  return (
    <>
      <Link className="back" href={`/?locale=${locale.code}`}>
        <Icon name="back" />
        Deployments
      </Link>
      <div className="head">
        <div>
          <PageHeading>
            Recently deleted, <span className="muted">{locale.name}</span>
          </PageHeading>
          <p className="description">A deleted deployment can be restored for a week, with the same ID, URLs and log.</p>
        </div>
      </div>
      {nodes.length === 0 ? (
        <section className="empty">
          <h2>No deployment has been deleted in the last week</h2>
        </section>
      ) : (
        <DeletedTable rows={nodes} />
      )}
      {(cursors.length > 0 || pageInfo.hasNextPage) && (
        <nav className="pages" aria-label="Pages">
          <button type="button" className="button" disabled={cursors.length === 0} onClick={() => setCursors(cursors.slice(0, -1))}>
            Previous
          </button>
          <button
            type="button"
            className="button"
            disabled={!pageInfo.hasNextPage}
            onClick={() => pageInfo.endCursor && setCursors([...cursors, pageInfo.endCursor])}
          >
            Next
          </button>
        </nav>
      )}
    </>
  )
}

/** Deletions and restorations change the list. */
const changesList = ({ status, previousStatus }: LiveChange) => status === 'DELETING' || previousStatus === 'DELETING'

function DeletedTable({ rows }: { rows: readonly Deleted[] }) {
  const now = useNow(true, 30_000)
  return (
    <div className="card table-card">
      <table className="deleted" aria-label="Recently deleted deployments">
        <thead>
          <tr>
            <th>Name</th>
            <th>Deleted</th>
            <th>Can be restored until</th>
            <th>
              <span className="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <DeletedRow key={row.id} row={row} deleted={formatAgo(row.deletedAt, now)} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function DeletedRow({ row, deleted }: { row: Deleted; deleted: string }) {
  const { mayManage } = useDashboard()
  const restore = useRestoration(row)
  const [isSending, setSending] = useState(false)
  const restoreAndOpen = async () => {
    setSending(true)
    if (await restore()) navigate(`/deployments/${encodeURIComponent(row.id)}`)
    else setSending(false)
  }
  return (
    <tr>
      <th scope="row" className="name">
        {row.name}
        {row.description && <span className="detail note">{row.description}</span>}
      </th>
      <td data-label="Deleted">
        <time dateTime={row.deletedAt} title={formatMoment(row.deletedAt)}>
          {deleted}
        </time>
      </td>
      <td data-label="Until">{formatMoment(row.restorableUntil)}</td>
      <td className="row-end">
        <button type="button" className="button" disabled={!mayManage || isSending} aria-label={`Restore ${row.name}`} onClick={restoreAndOpen}>
          Restore
        </button>
      </td>
    </tr>
  )
}
