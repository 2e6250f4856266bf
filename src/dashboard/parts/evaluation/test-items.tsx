import { useQuery } from 'urql'
import { usePages } from '../../api/pages.ts'
import { formatSeconds } from '../../format/amounts.ts'
import { TestItemsDocument } from '../../gql/graphql.ts'
import { useLast } from '../../last.ts'
import { Pagination } from '../pagination.tsx'
import { Player } from './player.tsx'

const itemsPerPage = 20

/** The recordings of a test set with their transcripts. */
export function TestItems({ id }: { id: string }) {
  const { bounds, toFirst: _, ...pages } = usePages(itemsPerPage)
  const [{ data: read }] = useQuery({ query: TestItemsDocument, variables: { id, ...bounds } })
  const items = useLast(read?.testSet ?? undefined)?.items
  if (!items) return null
  return (
    <section className="listing" aria-label="Recordings">
      <h2>Recordings</h2>
      <div className="card table-card">
        <table className="recordings" aria-label="Recordings">
          <thead>
            <tr>
              <th>Recording</th>
              <th>Transcript</th>
              <th>Duration</th>
              <th>
                <span className="hidden">Audio</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.nodes.map((item) => (
              <tr key={item.number}>
                <th scope="row" className="name">
                  {item.number}
                  <span className="detail">{item.name}</span>
                </th>
                <td data-label="Transcript">{item.transcript}</td>
                <td data-label="Duration">{formatSeconds(item.durationSeconds)}</td>
                <td className="audio">
                  <Player recording={item} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Pagination label="Pages of recordings" pageInfo={items.pageInfo} shown={items.nodes.length} total={items.totalCount} noun="recording" {...pages} />
    </section>
  )
}
