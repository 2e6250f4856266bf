import { useState } from 'react'
import { useQuery } from 'urql'
import { usePages } from '../../api/pages.ts'
import { count } from '../../format/amounts.ts'
import { EvaluatedItemsDocument, type EvaluatedItemsQuery } from '../../gql/graphql.ts'
import { useLast } from '../../last.ts'
import { WayField } from '../model-fields.tsx'
import { Pagination } from '../pagination.tsx'
import { Player } from './player.tsx'
import { DiffLegend, WordDiff } from './word-diff.tsx'

const itemsPerPage = 20
const views = { errors: 'With word errors', all: 'All' } as const

type EvaluatedItem = NonNullable<EvaluatedItemsQuery['evaluation']>['items']['nodes'][number]

/** The recordings of an evaluation, those with the most word errors first. */
export function EvaluatedItems({ id }: { id: string }) {
  const { bounds, toFirst, ...pages } = usePages(itemsPerPage)
  const [view, setView] = useState<keyof typeof views>('errors')
  const order = view === 'errors' ? ({ onlyErrors: true, orderBy: 'ERRORS' } as const) : ({ orderBy: 'NUMBER' } as const)
  const [{ data: read }] = useQuery({ query: EvaluatedItemsDocument, variables: { id, ...bounds, ...order } })
  const items = useLast(read?.evaluation ?? undefined)?.items
  if (!items) return null
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
            setView(next)
          }}
        />
      </div>
      {items.nodes.length === 0 ? (
        <p className="hint">All recordings were recognized without a word error.</p>
      ) : (
        <>
          <DiffLegend />
          <ol className="card utterances">
            {items.nodes.map((item) => (
              <Utterance key={item.item.number} evaluated={item} />
            ))}
          </ol>
          <Pagination label="Pages of recordings" pageInfo={items.pageInfo} shown={items.nodes.length} total={items.totalCount} noun="recording" {...pages} />
        </>
      )}
    </section>
  )
}

function Utterance({ evaluated: { item, errors, words, alignment } }: { evaluated: EvaluatedItem }) {
  return (
    <li className="utterance">
      <div>
        <WordDiff alignment={alignment} />
        <span className="detail">
          {item.name} · {count(errors, 'error')} in {count(words, 'word')}
        </span>
      </div>
      <Player recording={item} />
    </li>
  )
}
