import { useEffect, useState } from 'react'
import { useMutation, useQuery } from 'urql'
import { toWords } from '../client.ts'
import { useDashboard } from '../dashboard.ts'
import { type KeyEntryFragment, KeysDocument, RevokeKeyDocument } from '../gql/graphql.ts'
import { Confirm } from '../parts/confirm.tsx'
import { CreateKeyDialog } from '../parts/create-key.tsx'
import { Icon } from '../parts/icon.tsx'
import { tell } from '../parts/news.tsx'
import { Loading, Problem } from '../parts/problem.tsx'
import { formatAgo, formatMoment, useNow } from '../time.ts'
import { toWord } from '../words.ts'

/** What lets programs and people in. */
export default function KeysPage() {
  const { mayManage } = useDashboard()
  const [cursors, setCursors] = useState<readonly string[]>([])
  const after = cursors.at(-1) ?? null
  const [{ data, error }, again] = useQuery({ query: KeysDocument, variables: { after } })
  const [isCreating, setCreating] = useState(false)
  const now = useNow(true, 30_000)
  useEffect(() => {
    document.title = 'Keys'
  }, [])
  if (error && !data) return <Problem title="The keys cannot be read" message={toWords(error)} again={again} />
  if (!data) return <Loading />
  const { nodes, pageInfo } = data.keys
  return (
    <>
      <div className="head">
        <div>
          <h1>Keys</h1>
          <p className="description">A key lets a program in. Its secret is shown once, when it is made.</p>
        </div>
        {mayManage && (
          <button type="button" className="primary button" onClick={() => setCreating(true)}>
            <Icon name="plus" />
            Create key
          </button>
        )}
      </div>
      <div className="card table-card">
        <table className="keys">
          <thead>
            <tr>
              <th>Name</th>
              <th>Scopes</th>
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
              <KeyRow key={key.id} entry={key} now={now} />
            ))}
          </tbody>
        </table>
      </div>
      {(cursors.length > 0 || pageInfo.hasNextPage) && (
        <nav className="pages" aria-label="Pages">
          <span className="total">{data.keys.totalCount} keys</span>
          <button type="button" className="button" disabled={!cursors.length} onClick={() => setCursors(cursors.slice(0, -1))}>
            Previous
          </button>
          <button type="button" className="button" disabled={!pageInfo.hasNextPage} onClick={() => setCursors([...cursors, pageInfo.endCursor ?? ''])}>
            Next
          </button>
        </nav>
      )}
      {isCreating && (
        <CreateKeyDialog
          close={() => {
            setCreating(false)
            again({ requestPolicy: 'network-only' })
          }}
        />
      )}
    </>
  )
}

function KeyRow({ entry, now }: { entry: KeyEntryFragment; now: number }) {
  const { viewer, mayManage } = useDashboard()
  const [isAsking, setAsking] = useState(false)
  const [, revoke] = useMutation(RevokeKeyDocument)
  const { id, name, prefix, scopes, createdAt, lastUsedAt, expiresAt, revokedAt, isBootstrap } = entry
  const isOwn = id === viewer.key.id
  const isOver = Boolean(revokedAt) || (expiresAt !== null && Date.parse(expiresAt) < now)
  const confirmed = async () => {
    const { data, error } = await revoke({ id })
    const refusal = error ? toWords(error) : data?.revokeKey.__typename === 'RevokeKeySuccess' ? undefined : data?.revokeKey.message
    tell(refusal ?? `“${name}” opens nothing any more.`, { isProblem: refusal !== undefined })
  }
  return (
    <tr className={isOver ? 'over' : undefined}>
      <th scope="row" className="name">
        {name} {isOwn && <span className="tag">You</span>}
        <span className="detail">
          <code>{prefix}…</code>
        </span>
      </th>
      <td>
        <span className="tags">
          {scopes.map((scope) => (
            <span key={scope} className="tag">
              {toWord(scope)}
            </span>
          ))}
        </span>
      </td>
      <td className="created">{lastUsedAt ? formatAgo(lastUsedAt, now) : 'Never'}</td>
      <td className="created">{formatAgo(createdAt, now)}</td>
      <td className="created">{revokedAt ? `Revoked ${formatAgo(revokedAt, now)}` : expiresAt ? formatMoment(expiresAt) : 'Never'}</td>
      <td className="row-end">
        {!isOver && mayManage && !isBootstrap && (
          <button type="button" className="small button" aria-label={`Revoke ${name}`} onClick={() => setAsking(true)}>
            Revoke
          </button>
        )}
        <Confirm isOpen={isAsking} title={`Revoke “${name}”?`} action="Revoke" close={() => setAsking(false)} confirmed={confirmed}>
          {isOwn
            ? 'It is the key that you are signed in with: you will be signed out.'
            : 'Whoever uses it is locked out within a second, open streams included.'}{' '}
          This cannot be undone.
        </Confirm>
      </td>
    </tr>
  )
}
