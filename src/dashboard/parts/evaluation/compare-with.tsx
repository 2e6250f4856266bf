import { useQuery } from 'urql'
import { formatShare } from '../../format/amounts.ts'
import { ComparableDocument, type EvaluationEntryFragment } from '../../gql/graphql.ts'
import { Link } from '../../route.ts'
import { toSubject } from './evaluation-table.tsx'

/** The path of a comparison. All differences are those of `b` relative to `a`. */
export const toComparison = (a: string, b: string) => `/compare?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`

/** Links to comparisons with the other evaluations of the test set. */
export function CompareWith({ evaluation: { id, testSet } }: { evaluation: EvaluationEntryFragment }) {
  const [{ data }] = useQuery({ query: ComparableDocument, variables: { testSetId: testSet.id } })
  const others = data?.evaluations.nodes.filter((other) => other.id !== id) ?? []
  if (!others.length) return null
  return (
    <section className="card section" aria-label="Compare with">
      <h2>Compare with</h2>
      <ul className="confusions">
        {others.map((other) => (
          <li key={other.id}>
            <Link href={toComparison(other.id, id)}>{toSubject(other)}</Link>
            <span className="muted">{other.result && formatShare(other.result.wordErrorRate)}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}
