import { useCallback, useRef, useState } from 'react'
import { useMutation, useQuery } from 'urql'
import { toMessage, toReadMessage } from '../api/client.ts'
import { useRetry } from '../api/retry.ts'
import { useDashboard } from '../dashboard.ts'
import { formatAgo, formatMoment, useNow } from '../format/time.ts'
import { toWord } from '../format/words.ts'
import { type KeyEntryFragment, KeysDocument, RevokeKeyDocument } from '../gql/graphql.ts'
import { useLast } from '../last.ts'
import { Confirm } from '../parts/confirm.tsx'
import { CreateKeyDialog } from '../parts/create-key.tsx'
import { PageHeading } from '../parts/heading.tsx'
import { Icon } from '../parts/icon.tsx'
import { tell } from '../parts/news.tsx'
import { Loading, ProblemPage } from '../parts/problem.tsx'
import { useTitle } from '../title.ts'

const keysPerPage = 50
const onlyActive = { isActive: true }

export default function KeysPage() {
  const { mayManage } = useDashboard()
  const [cursors, setCursors] = useState<readonly string[]>([])
  const after = cursors.at(-1) ?? null
  const [isAll, setAll] = useState(false)
  const where = isAll ? null : onlyActive
  const [{ data: read, error }, ask] = useQuery({ query: KeysDocument, variables: { where, after } })
  const [isCreating, setCreating] = useState(false)
  const now = useNow(true, 30_000)
  const data = useLast(read ?? undefined)
  const again = useCallback(() => ask({ requestPolicy: 'network-only' }), [ask])
  useRetry(error, again)
  useTitle('Keys')
  const table = useRef<HTMLDivElement>(null)
  const turn = (to: readonly string[]) => {
    setCursors(to)
    table.current?.focus({ preventScroll: true })
    table.current?.scrollIntoView()
  }
  if (error && !data) return <ProblemPage title="Keys can’t be loaded" message={toReadMessage(error)} again={again} />
  if (!data) return <Loading />
  const { nodes, pageInfo } = data.keys
  return (
    <>
      <div className="head">
        <div>
          <PageHeading>Keys</PageHeading>
          <p className="description">Keys let your apps call the API. A key’s secret is shown once, when you create it.</p>
        </div>
        {mayManage && (
          <button type="button" className="primary button" onClick={() => setCreating(true)}>
            <Icon name="plus" />
            Create key
          </button>
        )}
      </div>
      <label className="toggle">
        <input
          type="checkbox"
          checked={isAll}
          onChange={({ target }) => {
            setAll(target.checked)
            setCursors([])
          }}
        />
        Show revoked and expired keys
      </label>
      <div className="card table-card" ref={table} tabIndex={-1}>
        <table className="keys" aria-label="Keys">
          <thead>
            <tr>
              <th>Name</th>
              <th>Permissions</th>
              <th>Last used</th>
              <th>Created</th>
              <th>Expires</th>
              <th>
                <span className="hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {nodes.map((key) => (
              <KeyTableRow key={key.id} entry={key} now={now} revoked={again} />
            ))}
          </tbody>
        </table>
      </div>
      {(cursors.length > 0 || pageInfo.hasNextPage) && (
        <nav className="pages" aria-label="Pages">
          <span className="total" role="status">
            {cursors.length * keysPerPage + 1}–{cursors.length * keysPerPage + nodes.length} of {data.keys.totalCount} keys
          </span>
          <button type="button" className="button" disabled={!cursors.length} onClick={() => turn(cursors.slice(0, -1))}>
            Previous
          </button>
          <button type="button" className="button" disabled={!pageInfo.hasNextPage} onClick={() => turn([...cursors, pageInfo.endCursor ?? ''])}>
            Next
          </button>
        </nav>
      )}
      {isCreating && (
        <CreateKeyDialog
          close={() => {
            setCreating(false)
            again()
          }}
        />
      )}
    </>
  )
}

function KeyTableRow({ entry, now, revoked }: { entry: KeyEntryFragment; now: number; revoked: () => void }) {
  const { viewer, mayManage } = useDashboard()
  const [isAsking, setAsking] = useState(false)
  const [, revoke] = useMutation(RevokeKeyDocument)
  const { id, name, prefix, scopes, createdAt, lastUsedAt, expiresAt, revokedAt, isBootstrap } = entry
  const isOwn = id === viewer.key.id
  const isOver = Boolean(revokedAt) || (expiresAt !== null && Date.parse(expiresAt) < now)
  const confirmed = async () => {
    const { data, error } = await revoke({ id })
    const refusal = error ? toMessage(error) : data?.revokeKey.__typename === 'RevokeKeySuccess' ? undefined : data?.revokeKey.message
    if (!refusal) revoked()
    tell(refusal ?? `Key “${name}” revoked.`, { isProblem: refusal !== undefined })
  }
  return (
    <tr className={isOver ? 'over' : undefined}>
      <th scope="row" className="name">
        {name} {isOwn && <span className="tag">You</span>}
        <span className="detail">
          <code>{prefix}…</code>
        </span>
      </th>
      <td data-label="Permissions">
        <span className="tags">
          {scopes.map((scope) => (
            <span key={scope} className="tag">
              {toWord(scope)}
            </span>
          ))}
        </span>
      </td>
      <td data-label="Last used" className="created">
        {lastUsedAt ? formatAgo(lastUsedAt, now) : 'Never'}
      </td>
      <td data-label="Created" className="created">
        {formatAgo(createdAt, now)}
      </td>
      <td data-label="Expires" className="created">
        {revokedAt ? `Revoked ${formatAgo(revokedAt, now)}` : expiresAt ? formatMoment(expiresAt) : 'Never'}
      </td>
      <td className="row-end">
        {!isOver && mayManage && !isBootstrap && (
          <button type="button" className="small button" aria-label={`Revoke ${name}`} onClick={() => setAsking(true)}>
            Revoke
          </button>
        )}
        <Confirm isOpen={isAsking} title={`Revoke “${name}”?`} action="Revoke" close={() => setAsking(false)} confirmed={confirmed}>
          {isOwn ? 'You are signed in with this key, so you will be signed out.' : 'Apps with this key lose access within a second, including open streams.'}{' '}
          This cannot be undone.
        </Confirm>
      </td>
    </tr>
  )
}
