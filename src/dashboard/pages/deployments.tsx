import { type ReactNode, useCallback, useEffect } from 'react'
import { useQuery } from 'urql'
import { toAddress } from '../base.ts'
import { toWords } from '../client.ts'
import { useDashboard } from '../dashboard.ts'
import { type ChangeFragment, DeploymentsDocument, type DeploymentsQuery } from '../gql/graphql.ts'
import { useLast } from '../last.ts'
import { statusGroups as groups, toVariables } from '../list.ts'
import { useRefresh } from '../live.ts'
import { useLocale } from '../locale.ts'
import { DeploymentTable } from '../parts/deployment-table.tsx'
import { Icon } from '../parts/icon.tsx'
import { LocalePicker } from '../parts/locale-picker.tsx'
import { Pages } from '../parts/pages.tsx'
import { Loading, Problem } from '../parts/problem.tsx'
import { SearchField } from '../parts/search-field.tsx'
import { Link, useSearch } from '../route.ts'
import type { Status } from '../words.ts'

/** Home: what is deployed for the current locale, alive. */
export function DeploymentsPage() {
  const { live, mayManage } = useDashboard()
  const { locale, locales, error: localesError, refresh: refreshLocales } = useLocale()
  const [search, setSearch] = useSearch()
  const variables = locale && toVariables(search, locale.code)
  const [{ data: read, error, stale }, refresh] = useQuery({ query: DeploymentsDocument, variables: variables ?? {}, pause: !variables })
  const data = useLast(read?.deployments)

  const again = useCallback(() => refresh({ requestPolicy: 'network-only' }), [refresh])
  useRefresh(live, changesList, again)
  useEffect(() => {
    document.title = locale ? `Deployments, ${locale.name}` : 'Deployments'
  }, [locale])

  const problem = localesError ?? error
  if (problem && !data) return <Problem title="The deployments cannot be read" message={toWords(problem)} again={localesError ? refreshLocales : again} />
  if (!locale || !data) return <Loading />
  const isFiltered = Boolean(search.get('q') || search.get('status'))
  const isEmpty = data.nodes.length === 0
  return (
    <>
      <div className="head">
        <h1>
          Deployments, <span className="muted">{locale.name}</span>
        </h1>
        <div className="head-actions">
          <LocalePicker locale={locale} locales={locales} choose={(code) => setSearch({ locale: code, after: undefined, before: undefined })} />
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
            <NothingFound clear={() => setSearch({ q: undefined, status: undefined, after: undefined, before: undefined })} />
          ) : (
            <DeploymentTable rows={data.nodes} isOld={stale && Boolean(error)} />
          )}
          <Pages
            label="Pages"
            pageInfo={data.pageInfo}
            shown={data.nodes.length}
            total={data.totalCount}
            noun="deployment"
            go={(page) => setSearch({ after: undefined, before: undefined, ...page })}
          />
        </>
      )}
    </>
  )
}

/** Members, order and counts of a list change with these; progress only changes the rows themselves. */
const changesList = ({ status, previousStatus }: ChangeFragment) => status !== previousStatus

const sum = (data: DeploymentsQuery['deployments'], statuses?: Status[]) =>
  data.statusCounts.reduce((all, { status, count }) => (!statuses || statuses.includes(status) ? all + count : all), 0)

function Filters({ data }: { data: DeploymentsQuery['deployments'] }) {
  const [search, setSearch] = useSearch()
  const chosen = search.get('status')
  const choose = (status: string | undefined) => setSearch({ status, after: undefined, before: undefined })
  return (
    <div className="filters">
      <SearchField
        label="Search deployments"
        placeholder="Search name or description"
        text={search.get('q') ?? ''}
        changed={(q) => setSearch({ q, after: undefined, before: undefined })}
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
      <img src={toAddress('/icon.svg')} alt="" width="56" height="56" />
      <h2>Nothing is deployed for {locale} yet</h2>
      <p>
        {mayManage
          ? 'Choose an acoustic and a language model. In a few seconds you have a URL that turns speech into text, and can speak to it right here.'
          : 'Your key may look, but not create. Ask for one with the scope MANAGE.'}
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
    <section className="empty">
      <h2>No deployment matches</h2>
      <p>None has this text in its name or description with this status.</p>
      <button type="button" className="button" onClick={clear}>
        Show all
      </button>
    </section>
  )
}
