import { useState } from 'react'
import { useQuery } from 'urql'
import { usePages } from '../../api/pages.ts'
import { count } from '../../format/amounts.ts'
import { ComparedItemsDocument, type ComparedItemsQuery, type ComparedOutcome, type EvaluatedSideFragment } from '../../gql/graphql.ts'
import { useLast } from '../../last.ts'
import { Player } from './player.tsx'
import { RecordingList } from './recording-list.tsx'
import { WordDiff } from './word-diff.tsx'

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
  const pages = usePages(itemsPerPage)
  const [view, setView] = useState<keyof typeof views>('worse')
  const { orderBy, outcomes } = filters[view]
  const [{ data }] = useQuery({ query: ComparedItemsDocument, variables: { a, b, ...pages.bounds, orderBy, outcomes: outcomes && [...outcomes] } })
  const read = data?.compareEvaluations
  const items = useLast(read && 'items' in read ? read.items : undefined)
  if (!items) return null
  return (
    <RecordingList
      views={views}
      view={view}
      choose={setView}
      items={items}
      pages={pages}
      empty={`No recording is ${views[view].toLowerCase()} in the second evaluation.`}
      show={(item) => <Compared key={item.item.number} compared={item} />}
    />
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
