import type { ReactNode } from 'react'
import type { usePages } from '../../api/pages.ts'
import type { PageBoundsFragment } from '../../gql/graphql.ts'
import { WayField } from '../model-fields.tsx'
import { Pagination } from '../pagination.tsx'
import { DiffLegend } from './word-diff.tsx'

interface RecordingListProps<View extends string, Item> {
  views: Record<View, string>
  view: View
  choose: (view: View) => void
  items: { nodes: Item[]; totalCount: number; pageInfo: PageBoundsFragment }
  pages: ReturnType<typeof usePages>
  /** The text in place of an empty page. */
  empty: string
  /** One list item. */
  show: (item: Item) => ReactNode
}

/** One page of recognized recordings, with the choice of those that it shows. */
export function RecordingList<View extends string, Item>({ views, view, choose, items, pages, empty, show }: RecordingListProps<View, Item>) {
  const { bounds: _, toFirst, ...position } = pages
  return (
    <section className="listing" aria-label="Recordings">
      <div className="section-head">
        <h2>Recordings</h2>
        <WayField
          legend="Shown recordings"
          ways={views}
          value={view}
          choose={(next) => {
            toFirst()
            choose(next)
          }}
        />
      </div>
      {items.nodes.length === 0 ? (
        <p className="hint">{empty}</p>
      ) : (
        <>
          <DiffLegend />
          <ol className="card utterances">{items.nodes.map(show)}</ol>
          <Pagination
            label="Pages of recordings"
            pageInfo={items.pageInfo}
            shown={items.nodes.length}
            total={items.totalCount}
            noun="recording"
            {...position}
          />
        </>
      )}
    </section>
  )
}
