import type { EvaluatedSideFragment } from '../../gql/graphql.ts'

/** The transcript with the word errors: struck through what was not recognized, underlined what was recognized in error. */
export function WordDiff({ alignment }: Pick<EvaluatedSideFragment, 'alignment'>) {
  return (
    <p className="diff">
      {alignment.map(({ op, reference, hypothesis }, n) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the words of an alignment never move
        <span key={n}>
          {n > 0 && ' '}
          {op === 'CORRECT' ? reference : <WordError reference={reference} hypothesis={hypothesis} />}
        </span>
      ))}
    </p>
  )
}

function WordError({ reference, hypothesis }: { reference: string | null; hypothesis: string | null }) {
  return (
    <>
      {reference !== null && (
        <del>
          <span className="hidden">{hypothesis === null ? 'missing: ' : 'spoken: '}</span>
          {reference}
        </del>
      )}
      {reference !== null && hypothesis !== null && ' '}
      {hypothesis !== null && (
        <ins>
          <span className="hidden">{reference === null ? 'added: ' : 'recognized: '}</span>
          {hypothesis}
        </ins>
      )}
    </>
  )
}

export function DiffLegend() {
  return (
    <p className="detail diff">
      <del>Spoken, not recognized</del> <ins>Recognized, not spoken</ins>
    </p>
  )
}
