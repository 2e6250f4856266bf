import { useState } from 'react'
import { useQuery } from 'urql'
import { usePages } from '../../api/pages.ts'
import { count } from '../../format/amounts.ts'
import { ComparedItemsDocument, type ComparedItemsQuery, type ComparedOutcome, type EvaluatedSideFragment } from '../../gql/graphql.ts'
import { useLast } from '../../last.ts'
import { WayField } from '../model-fields.tsx'
import { Pagination } from '../pagination.tsx'
import { Player } from './player.tsx'
import { DiffLegend, WordDiff } from './word-diff.tsx'

const itemsPerPage = 20
const views = { worse: 'Worse', better: 'Better', all: 'All' } as const
const filters = {
  worse: { orderBy: 'WORSE_FIRST', outcomes: ['WORSE'] },
  better: { orderBy: 'BETTER_FIRST', outcomes: ['BETTER'] },
  all: { orderBy: 'NUMBER', outcomes: null },
} as const

type ComparedItem = Extract<ComparedItemsQuery['compareEvaluations'], { items: object }>['items']['nodes'][number]

/** The recordings of two evaluations with both recognized texts. */
export function ComparedItems({ a, b }: { a: string; b: string }) {
  const { bounds, toFirst, ...pages } = usePages(itemsPerPage)
  const [view, setView] = useState<keyof typeof views>('worse')
  const { orderBy, outcomes } = filters[view]
  const [{ data }] = useQuery({ query: ComparedItemsDocument, variables: { a, b, ...bounds, orderBy, outcomes: outcomes && [...outcomes] } })
  const read = data?.compareEvaluations
  const items = useLast(read && 'items' in read ? read.items : undefined)
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
        <p className="hint">No recording is {views[view].toLowerCase()} in the second evaluation.</p>
      ) : (
        <>
          <DiffLegend />
          <ol className="card utterances">
            {items.nodes.map((item) => (
              <Compared key={item.item.number} compared={item} />
            ))}
          </ol>
          <Pagination label="Pages of recordings" pageInfo={items.pageInfo} shown={items.nodes.length} total={items.totalCount} noun="recording" {...pages} />
        </>
      )}
    </section>
  )
}

const outcomeWords: Partial<Record<ComparedOutcome, string>> = { BETTER: 'Better', WORSE: 'Worse', SAME: 'Same' }

function Compared({ compared: { item, outcome, a, b } }: { compared: ComparedItem }) {
  return (
    <li className="utterance">
      <div>
        <Side name="First" side={a} />
        <Side name="Second" side={b} />
        <span className="detail">
          {item.name} · {outcomeWords[outcome] ?? outcome}
        </span>
      </div>
      <Player recording={item} />
    </li>
  )
}

function Side({ name, side: { alignment, errors, words } }: { name: string; side: EvaluatedSideFragment }) {
  return (
    <div className="side">
      <h3>
        {name}: {count(errors, 'error')} in {count(words, 'word')}
      </h3>
      <WordDiff alignment={alignment} />
    </div>
  )
}
