import { useQuery } from 'urql'
import { toReadMessage } from '../api/client.ts'
import { useRetry } from '../api/retry.ts'
import { formatShare } from '../format/amounts.ts'
import { ComparisonDocument, type ComparisonQuery, type EvaluationEntryFragment } from '../gql/graphql.ts'
import { useLast } from '../last.ts'
import { toComparison } from '../parts/evaluation/compare-with.tsx'
import { ComparedItems } from '../parts/evaluation/compared-items.tsx'
import { ErrorRate, toScale } from '../parts/evaluation/error-rate.tsx'
import { toSubject } from '../parts/evaluation/evaluation-table.tsx'
import { WordList } from '../parts/evaluation/word-list.tsx'
import { PageHeading } from '../parts/heading.tsx'
import { Icon } from '../parts/icon.tsx'
import { Loading, ProblemPage } from '../parts/problem.tsx'
import { Link, useSearch } from '../route.ts'
import { useTitle } from '../title.ts'

type Comparison = Extract<ComparisonQuery['compareEvaluations'], { __typename: 'EvaluationComparison' }>

/** The comparison of the evaluations `a` and `b` of the URL. */
export default function ComparePage() {
  const [search] = useSearch()
  const [a, b] = [search.get('a') ?? '', search.get('b') ?? '']
  useTitle('Comparison')
  return <Compare key={`${a} ${b}`} a={a} b={b} />
}

function Compare({ a, b }: { a: string; b: string }) {
  const [{ data, error }, ask] = useQuery({ query: ComparisonDocument, variables: { a, b } })
  const comparison = useLast(data?.compareEvaluations)
  const again = () => ask({ requestPolicy: 'network-only' })
  useRetry(error, again)
  if (error && !comparison) return <ProblemPage title="The comparison can’t be loaded" message={toReadMessage(error)} again={again} />
  if (!comparison) return <Loading />
  if (comparison.__typename !== 'EvaluationComparison')
    return (
      <ProblemPage title="The evaluations can’t be compared" message={comparison.message}>
        <Link className="button" href="/test-sets">
          Back to test sets
        </Link>
      </ProblemPage>
    )
  const { testSet } = comparison.a
  return (
    <>
      <Link className="back" href={`/test-sets/${encodeURIComponent(testSet.id)}`}>
        <Icon name="back" />
        {testSet.name}
      </Link>
      <div className="head">
        <div>
          <PageHeading>Comparison</PageHeading>
          <p className="description">{toVerdict(comparison)}</p>
        </div>
        <div className="head-actions">
          <Link className="button" href={toComparison(b, a)}>
            Swap
          </Link>
        </div>
      </div>
      <div className="columns">
        <div className="column">
          <ComparedItems a={a} b={b} />
        </div>
        <aside className="column">
          <Sides comparison={comparison} />
          <ChangedWords comparison={comparison} />
        </aside>
      </div>
    </>
  )
}

/** The result as a sentence. */
function toVerdict({ wordErrorRateDifference, matchedPairs: { isSignificant, pValue } }: Comparison): string {
  const size = formatShare(Math.abs(wordErrorRateDifference)).replace(' %', ' percentage points')
  const difference =
    wordErrorRateDifference === 0
      ? 'Both have the same word error rate.'
      : `The second word error rate is ${size} ${wordErrorRateDifference < 0 ? 'lower' : 'higher'}.`
  const p = pValue < 0.001 ? 'p < 0.001' : `p = ${pValue.toFixed(3)}`
  return `${difference} ${isSignificant ? `The difference is more than chance (${p}).` : `The difference can be chance (${p}).`}`
}

function Sides({ comparison: { a, b, better, worse, same } }: { comparison: Comparison }) {
  const scale = toScale([a.result, b.result].filter((result) => result !== null))
  return (
    <section className="card section" aria-label="Word error rates">
      <h2>Word error rates</h2>
      <Side name="First" evaluation={a} scale={scale} />
      <Side name="Second" evaluation={b} scale={scale} />
      <dl className="facts">
        <dt>Better</dt>
        <dd>{better.toLocaleString('en')} recordings</dd>
        <dt>Worse</dt>
        <dd>{worse.toLocaleString('en')} recordings</dd>
        <dt>Same</dt>
        <dd>{same.toLocaleString('en')} recordings</dd>
      </dl>
    </section>
  )
}

function Side({ name, evaluation, scale }: { name: string; evaluation: EvaluationEntryFragment; scale: number }) {
  return (
    <div>
      <h3>
        {name}: <Link href={`/evaluations/${encodeURIComponent(evaluation.id)}`}>{toSubject(evaluation)}</Link>
      </h3>
      {evaluation.result && <ErrorRate result={evaluation.result} scale={scale} />}
    </div>
  )
}

function ChangedWords({ comparison: { wordsWon, wordsLost } }: { comparison: Comparison }) {
  if (!wordsWon.length && !wordsLost.length) return null
  return (
    <section className="card section" aria-label="Words">
      <h2>Words</h2>
      <WordList title="Won: only the second recognizes" words={wordsWon} />
      <WordList title="Lost: only the first recognizes" words={wordsLost} />
    </section>
  )
}
