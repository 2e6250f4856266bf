import { formatSeconds, formatShare } from '../../format/amounts.ts'
import type { EvaluationQuery } from '../../gql/graphql.ts'
import { ErrorRate, toScale } from './error-rate.tsx'

type Result = NonNullable<NonNullable<EvaluationQuery['evaluation']>['result']>

/** The figures of a complete evaluation. */
export function Totals({ result }: { result: Result }) {
  const number = (value: number) => value.toLocaleString('en')
  return (
    <section className="card section" aria-label="Result">
      <h2>Word error rate</h2>
      <ErrorRate result={result} scale={toScale([result])} />
      <dl className="facts">
        <dt>Word errors</dt>
        <dd>
          {number(result.errors)} in {number(result.words)} words
          <span className="detail">
            {number(result.substitutions)} substituted, {number(result.deletions)} missing, {number(result.insertions)} added
          </span>
        </dd>
        <dt>Sentence errors</dt>
        <dd>
          {number(result.sentenceErrors)} of {number(result.utterances)} recordings ({formatShare(result.sentenceErrorRate)})
        </dd>
        <dt>Speed</dt>
        <dd>
          {formatSeconds(result.audioSeconds)} of audio in {formatSeconds(result.audioSeconds * result.realTimeFactor)}
          <span className="detail">Real-time factor {result.realTimeFactor.toFixed(2)}</span>
        </dd>
      </dl>
    </section>
  )
}

const maxShown = 12

/** The most frequent word errors. */
export function Confusions({ confusions }: { confusions: Result['confusions'] }) {
  if (!confusions.length) return null
  return (
    <section className="card section" aria-label="Frequent word errors">
      <h2>Frequent word errors</h2>
      <ul className="confusions">
        {confusions.slice(0, maxShown).map(({ said, heard, times }) => (
          <li key={`${said} ${heard}`}>
            <span className="diff">
              {said === null ? (
                <>
                  <ins>{heard}</ins> <span className="muted">added</span>
                </>
              ) : heard === null ? (
                <>
                  <del>{said}</del> <span className="muted">missing</span>
                </>
              ) : (
                <>
                  <del>{said}</del> <span className="muted">recognized as</span> <ins>{heard}</ins>
                </>
              )}
            </span>
            <span className="muted">{times} ×</span>
          </li>
        ))}
      </ul>
    </section>
  )
}
