import { memo } from 'react'
import type { DeploymentRowFragment } from '../gql/graphql.ts'
import { Link, useSearch } from '../route.ts'
import { formatAgo, formatMoment, useNow } from '../time.ts'
import { DeploymentMenu } from './deployment-menu.tsx'
import { Icon } from './icon.tsx'
import { StatusCell } from './status.tsx'

const columns = [
  { name: 'Name', field: 'NAME' },
  { name: 'Acoustic Model' },
  { name: 'Language Model' },
  { name: 'Status', field: 'STATUS' },
  { name: 'Created', field: 'CREATED_AT' },
]

export function DeploymentTable({ rows, isOld }: { rows: readonly DeploymentRowFragment[]; isOld: boolean }) {
  const now = useNow(true, 30_000)
  const created = (history.state as { created?: string } | null)?.created
  return (
    <div className={isOld ? 'card table-card old' : 'card table-card'}>
      <table className="deployments">
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
            <Row key={row.id} row={row} created={formatAgo(row.createdAt, now)} isNew={row.id === created} />
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
  // Names begin with A, moments with the newest.
  const first = field === 'CREATED_AT' ? `-${field}` : field
  const turned = isDown ? field : `-${field}`
  return (
    <th aria-sort={isChosen ? (isDown ? 'descending' : 'ascending') : undefined}>
      <button type="button" className="sort" onClick={() => setSearch({ sort: isChosen ? turned : first, after: undefined, before: undefined })}>
        {name}
        {isChosen && <Icon name={isDown ? 'down' : 'up'} />}
      </button>
    </th>
  )
}

const Row = memo(function Row({ row, created, isNew }: { row: DeploymentRowFragment; created: string; isNew: boolean }) {
  return (
    <tr className={isNew ? 'new' : undefined} data-status={row.status}>
      <th scope="row" className="name">
        {row.isServing ? <Link href={`/deployments/${encodeURIComponent(row.id)}`}>{row.name}</Link> : row.name}
      </th>
      <td data-label="Acoustic Model">
        <ModelName model={row.acousticModel} />
      </td>
      <td data-label="Language Model">
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
