import { useState } from 'react'
import { useQuery } from 'urql'
import { usePages } from '../../api/pages.ts'
import { count } from '../../format/amounts.ts'
import { EvaluatedItemsDocument, type EvaluatedItemsQuery } from '../../gql/graphql.ts'
import { useLast } from '../../last.ts'
import { Player } from './player.tsx'
import { RecordingList } from './recording-list.tsx'
import { WordDiff } from './word-diff.tsx'

const itemsPerPage = 20
const views = { errors: 'With word errors', all: 'All' } as const

type EvaluatedItem = NonNullable<EvaluatedItemsQuery['evaluation']>['items']['nodes'][number]

/** The recordings of an evaluation, those with the most word errors first. */
export function EvaluatedItems({ id }: { id: string }) {
  const pages = usePages(itemsPerPage)
  const [view, setView] = useState<keyof typeof views>('errors')
  const order = view === 'errors' ? ({ onlyErrors: true, orderBy: 'ERRORS' } as const) : ({ orderBy: 'NUMBER' } as const)
  const [{ data: read }] = useQuery({ query: EvaluatedItemsDocument, variables: { id, ...pages.bounds, ...order } })
  const items = useLast(read?.evaluation ?? undefined)?.items
  if (!items) return null
  return (
    <RecordingList
      views={views}
      view={view}
      choose={setView}
      items={items}
      pages={pages}
      empty="All recordings were recognized without a word error."
      show={(item) => <Utterance key={item.item.number} evaluated={item} />}
    />
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
