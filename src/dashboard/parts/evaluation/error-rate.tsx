import { formatShare } from '../../format/amounts.ts'
import type { EvaluationEntryFragment } from '../../gql/graphql.ts'

type Result = NonNullable<EvaluationEntryFragment['result']>

/** The upper end of the drawn scale, so that the bars of a list can be compared. */
export const toScale = (results: readonly Result[]) => Math.max(0.05, ...results.map(({ wordErrorRateInterval: { high } }) => high))

/** The word error rate with its 95 % interval, as text and as a drawing. */
export function ErrorRate({
  result: {
    wordErrorRate,
    wordErrorRateInterval: { low, high },
  },
  scale,
}: {
  result: Result
  scale: number
}) {
  const at = (rate: number) => (rate / scale) * 96 + 2
  return (
    <div className="error-rate">
      <strong>{formatShare(wordErrorRate)}</strong>
      <svg className="interval" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
        <line className="axis" x1="2" x2="98" y1="6" y2="6" />
        <line className="range" x1={at(low)} x2={at(high)} y1="6" y2="6" />
        <line className="rate" x1={at(wordErrorRate)} x2={at(wordErrorRate)} y1="1" y2="11" />
      </svg>
      <span className="detail">
        95 % interval {formatShare(low)} to {formatShare(high)}
      </span>
    </div>
  )
}
