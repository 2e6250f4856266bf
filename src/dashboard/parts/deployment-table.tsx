import { memo, type Ref } from 'react'
import { formatAgo, formatMoment, useNow } from '../format/time.ts'
import type { DeploymentRowFragment } from '../gql/graphql.ts'
import { Link, useSearch } from '../route.ts'
import { DeploymentMenu } from './deployment-menu.tsx'
import { Icon } from './icon.tsx'
import { StatusCell } from './status.tsx'

const columns = [
  { name: 'Name', field: 'NAME' },
  { name: 'Acoustic model' },
  { name: 'Language model' },
  { name: 'Status', field: 'STATUS' },
  { name: 'Created', field: 'CREATED_AT' },
]

export function DeploymentTable({ rows, isOld, frame }: { rows: readonly DeploymentRowFragment[]; isOld: boolean; frame: Ref<HTMLDivElement> }) {
  const now = useNow(true, 30_000)
  const created = (history.state as { created?: string } | null)?.created
  return (
    <div ref={frame} tabIndex={-1} className={isOld ? 'card table-card old' : 'card table-card'}>
      <table className="deployments" aria-label="Deployments">
        <thead>
          <tr>
            {columns.map(({ name, field }) => (field ? <SortHeader key={name} name={name} field={field} /> : <th key={name}>{name}</th>))}
            <th>
              <span className="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <DeploymentTableRow key={row.id} row={row} created={formatAgo(row.createdAt, now)} isNew={row.id === created} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function SortHeader({ name, field }: { name: string; field: string }) {
  const [search, setSearch] = useSearch()
  const sort = search.get('sort') ?? '-CREATED_AT'
  const isChosen = sort.replace('-', '') === field
  const isDown = sort.startsWith('-')
  // The first click sorts names from A and dates from the newest.
  const first = field === 'CREATED_AT' ? `-${field}` : field
  const reversed = isDown ? field : `-${field}`
  return (
    <th aria-sort={isChosen ? (isDown ? 'descending' : 'ascending') : undefined}>
      <button
        type="button"
        className="sort"
        onClick={() => setSearch({ sort: isChosen ? reversed : first, after: undefined, before: undefined, offset: undefined }, { push: true })}
      >
        {name}
        {isChosen && <Icon name={isDown ? 'down' : 'up'} />}
      </button>
    </th>
  )
}

const DeploymentTableRow = memo(function DeploymentTableRow({ row, created, isNew }: { row: DeploymentRowFragment; created: string; isNew: boolean }) {
  return (
    <tr className={isNew ? 'new' : undefined} data-status={row.status}>
      <th scope="row" className="name">
        {row.isServing ? <Link href={`/deployments/${encodeURIComponent(row.id)}`}>{row.name}</Link> : row.name}
        {row.description && <span className="detail note">{row.description}</span>}
      </th>
      <td data-label="Acoustic">
        <ModelName model={row.acousticModel} />
      </td>
      <td data-label="Language">
        <ModelName model={row.languageModel} />
      </td>
      <td data-label="Status">
        <StatusCell deployment={row} />
      </td>
      <td data-label="Created" className="created">
        <time dateTime={row.createdAt} title={formatMoment(row.createdAt)}>
          {created}
        </time>
      </td>
      <td className="row-end">
        <DeploymentMenu deployment={row} />
      </td>
    </tr>
  )
})

function ModelName({ model }: { model: DeploymentRowFragment['acousticModel'] }) {
  return (
    <span>
      {model.name}
      <span className="detail">{model.isBase ? 'Base model' : 'Custom model'}</span>
    </span>
  )
}
