import { type ReactNode, useCallback, useEffect, useRef } from 'react'
import { useQuery } from 'urql'
import { toReadMessage } from '../api/client.ts'
import { deploymentsPerPage, statusGroups as groups, toVariables } from '../api/list.ts'
import { type LiveChange, useRefresh } from '../api/live.ts'
import { useRetry } from '../api/retry.ts'
import { withBase } from '../base.ts'
import { useDashboard } from '../dashboard.ts'
import { useLocale } from '../format/locale.ts'
import type { Status } from '../format/words.ts'
import { DeploymentsDocument, type DeploymentsQuery } from '../gql/graphql.ts'
import { useLast } from '../last.ts'
import { DeploymentTable } from '../parts/deployment-table.tsx'
import { PageHeading } from '../parts/heading.tsx'
import { Icon } from '../parts/icon.tsx'
import { LocalePicker } from '../parts/locale-picker.tsx'
import { Pagination } from '../parts/pagination.tsx'
import { Loading, ProblemPage } from '../parts/problem.tsx'
import { SearchField } from '../parts/search-field.tsx'
import { Link, useSearch } from '../route.ts'
import { useTitle } from '../title.ts'

/** The parameters of the first page. */
const firstPage = { after: undefined, before: undefined, offset: undefined }

/** Home: the deployments of the current locale, live. */
export function DeploymentsPage() {
  const { live, mayManage } = useDashboard()
  const { locale, locales, error: localesError, refresh: refreshLocales } = useLocale()
  const [search, setSearch] = useSearch()
  const variables = locale && toVariables(search, locale.code)
  const [{ data: read, error, stale }, refresh] = useQuery({ query: DeploymentsDocument, variables: variables ?? {}, pause: !variables })
  const data = useLast(read?.deployments)

  const again = useCallback(() => refresh({ requestPolicy: 'network-only' }), [refresh])
  useRefresh(live, changesList, again)
  useRetry(error, again)
  useTitle(locale ? `Deployments, ${locale.name}` : 'Deployments')
  const { table, turn } = usePageTurn(data?.pageInfo.startCursor)

  const problem = localesError ?? error
  if (problem && !data)
    return <ProblemPage title="Deployments can’t be loaded" message={toReadMessage(problem)} again={localesError ? refreshLocales : again} />
  if (!locale || !data) return <Loading />
  const isFiltered = Boolean(search.get('q') || search.get('status'))
  const isEmpty = data.nodes.length === 0
  return (
    <>
      <div className="head">
        <PageHeading>
          Deployments, <span className="muted">{locale.name}</span>
        </PageHeading>
        <div className="head-actions">
          <LocalePicker locale={locale} locales={locales} choose={(code) => setSearch({ locale: code, ...firstPage }, { push: true })} />
          {mayManage && (
            <Link className="primary button" href={`/new?locale=${locale.code}`}>
              <Icon name="plus" />
              Create New
            </Link>
          )}
        </div>
      </div>
      {isEmpty && !isFiltered && !search.get('after') && !search.get('before') ? (
        <Empty locale={locale.name} code={locale.code} mayManage={mayManage} />
      ) : (
        <>
          <Filters data={data} />
          {isEmpty ? (
            <NothingFound clear={() => setSearch({ q: undefined, status: undefined, ...firstPage }, { push: true })} />
          ) : (
            <>
              <DeploymentTable rows={data.nodes} isOld={stale && Boolean(error)} frame={table} />
              <Pagination
                label="Pages"
                pageInfo={data.pageInfo}
                offset={Number(search.get('offset')) || 0}
                shown={data.nodes.length}
                size={deploymentsPerPage}
                total={data.totalCount}
                noun="deployment"
                go={({ offset, ...bounds }) => {
                  turn()
                  setSearch({ ...firstPage, ...bounds, offset: String(offset) }, { push: true })
                }}
              />
            </>
          )}
        </>
      )}
      <p className="detail">
        <Link href={`/deleted?locale=${locale.code}`}>Recently deleted</Link>
      </p>
    </>
  )
}

/** After a change of the page, scrolls to the top of the table and focuses it for screen readers. */
function usePageTurn(startCursor: string | null | undefined) {
  const table = useRef<HTMLDivElement>(null)
  const isTurning = useRef(false)
  useEffect(() => {
    if (!isTurning.current || !startCursor) return
    isTurning.current = false
    table.current?.focus({ preventScroll: true })
    table.current?.scrollIntoView()
  }, [startCursor])
  return {
    table,
    turn: () => {
      isTurning.current = true
    },
  }
}

/** A change of a status can change the members, order and counts of the list. Progress changes only rows. */
const changesList = ({ status, previousStatus }: LiveChange) => status !== previousStatus

const sum = (data: DeploymentsQuery['deployments'], statuses?: Status[]) =>
  data.statusCounts.reduce((all, { status, count }) => (!statuses || statuses.includes(status) ? all + count : all), 0)

function Filters({ data }: { data: DeploymentsQuery['deployments'] }) {
  const [search, setSearch] = useSearch()
  const chosen = search.get('status')
  const text = search.get('q') ?? ''
  const choose = (status: string | undefined) => setSearch({ status, ...firstPage }, { push: true })
  return (
    <div className="filters">
      <SearchField
        label="Search deployments"
        placeholder="Search name or description"
        text={text}
        // A whole search is one step for the Back button.
        changed={(q) => setSearch({ q, ...firstPage }, { push: !text || !q })}
      />
      <fieldset className="chips">
        <legend className="hidden">Status</legend>
        <Chip isChosen={!chosen} choose={() => choose(undefined)} count={sum(data)}>
          All
        </Chip>
        {groups.map(({ name, value, statuses }) => (
          <Chip key={value} isChosen={chosen === value} choose={() => choose(value)} count={sum(data, statuses)}>
            {name}
          </Chip>
        ))}
      </fieldset>
    </div>
  )
}

function Chip({ isChosen, choose, count, children }: { isChosen: boolean; choose: () => void; count: number; children: ReactNode }) {
  return (
    <button type="button" className="chip" aria-pressed={isChosen} onClick={choose}>
      {children} <span className="count">{count}</span>
    </button>
  )
}

function Empty({ locale, code, mayManage }: { locale: string; code: string; mayManage: boolean }) {
  return (
    <section className="empty">
      <img src={withBase('/icon.svg')} alt="" width="56" height="56" />
      <h2>No deployments for {locale} yet</h2>
      <p>
        {mayManage
          ? 'Choose an acoustic and a language model. You’ll get a speech-to-text URL in seconds, and you can try it right here.'
          : 'Your key can’t create deployments. Sign in with a key that has the Manage permission.'}
      </p>
      {mayManage && (
        <Link className="primary button" href={`/new?locale=${code}`}>
          <Icon name="plus" />
          Create the first deployment
        </Link>
      )}
    </section>
  )
}

function NothingFound({ clear }: { clear: () => void }) {
  return (
    <section className="empty" role="status">
      <h2>No deployment matches</h2>
      <p>Try another search or clear the filters.</p>
      <button type="button" className="button" onClick={clear}>
        Clear filters
      </button>
    </section>
  )
}
