import { useQuery } from 'urql'
import { FollowEvaluation, toFollowed } from '../../api/evaluations.ts'
import type { usePages } from '../../api/pages.ts'
import { formatAgo, formatMoment, useNow } from '../../format/time.ts'
import { type EvaluationEntryFragment, EvaluationsDocument, type EvaluationsQueryVariables } from '../../gql/graphql.ts'
import { useLast } from '../../last.ts'
import { Link } from '../../route.ts'
import { Pagination } from '../pagination.tsx'
import { StatusBadge } from '../status.tsx'
import { ErrorRate, toScale } from './error-rate.tsx'

export const evaluationsPerPage = 20

/** The evaluations that a query lists, and a function that reads them again. */
export function useEvaluations(variables: EvaluationsQueryVariables) {
  const [{ data: read }, ask] = useQuery({ query: EvaluationsDocument, variables })
  return { evaluations: useLast(read)?.evaluations, again: () => ask({ requestPolicy: 'network-only' }) }
}

type Evaluations = NonNullable<ReturnType<typeof useEvaluations>['evaluations']>

/** The name of the deployment with the revision, or the names of the models. */
export function toSubject({ deployment, revision, acousticModel, languageModel }: EvaluationEntryFragment): string {
  const models = [acousticModel, languageModel].map((model) => model?.name ?? 'a deleted model').join(' · ')
  return deployment ? `${deployment.name}${revision === null ? '' : `, revision ${revision}`}` : models
}

/** Unfinished evaluations first, then by the word error rate, the best first. */
const order = (a: EvaluationEntryFragment, b: EvaluationEntryFragment) =>
  Number(a.isTerminal) - Number(b.isTerminal) || (a.result?.wordErrorRate ?? Infinity) - (b.result?.wordErrorRate ?? Infinity) || 0

interface EvaluationTableProps {
  evaluations: Evaluations
  pages: Omit<ReturnType<typeof usePages>, 'bounds'>
  /** True for evaluations on different test sets. */
  hasTestSets?: boolean
}

export function EvaluationTable({ evaluations, pages, hasTestSets = false }: EvaluationTableProps) {
  const { nodes, pageInfo, totalCount } = evaluations
  const scale = toScale(nodes.flatMap(({ result }) => result ?? []))
  const now = useNow(true, 30_000)
  const { toFirst: _, ...positions } = pages
  return (
    <section className="listing" aria-label="Evaluations">
      <h2>Evaluations</h2>
      {toFollowed(nodes).map(({ id }) => (
        <FollowEvaluation key={id} id={id} />
      ))}
      <div className="card table-card">
        <table className="evaluations" aria-label="Evaluations">
          <thead>
            <tr>
              <th>Evaluated</th>
              <th>Word error rate</th>
              <th>Created</th>
            </tr>
          </thead>
          <tbody>
            {[...nodes].sort(order).map((evaluation) => (
              <EvaluationRow
                key={evaluation.id}
                evaluation={evaluation}
                scale={scale}
                created={formatAgo(evaluation.createdAt, now)}
                hasTestSet={hasTestSets}
              />
            ))}
          </tbody>
        </table>
      </div>
      <Pagination label="Pages of evaluations" pageInfo={pageInfo} shown={nodes.length} total={totalCount} noun="evaluation" {...positions} />
    </section>
  )
}

function EvaluationRow(props: { evaluation: EvaluationEntryFragment; scale: number; created: string; hasTestSet: boolean }) {
  const { evaluation, scale, created, hasTestSet } = props
  const { id, testSet, deployment, acousticModel, languageModel, result, createdAt } = evaluation
  return (
    <tr>
      <th scope="row" className="name">
        <Link href={`/evaluations/${encodeURIComponent(id)}`}>{toSubject(evaluation)}</Link>
        {hasTestSet && <span className="detail">on {testSet.name}</span>}
        {deployment && (
          <span className="detail">
            {acousticModel?.name ?? 'A deleted model'} · {languageModel?.name ?? 'a deleted model'}
          </span>
        )}
      </th>
      <td data-label="Word error rate">{result ? <ErrorRate result={result} scale={scale} /> : <EvaluationState evaluation={evaluation} />}</td>
      <td data-label="Created" className="created">
        <time dateTime={createdAt} title={formatMoment(createdAt)}>
          {created}
        </time>
      </td>
    </tr>
  )
}

/** The status of an evaluation without a result: its progress, or the reason for the failure. */
export function EvaluationState({ evaluation }: { evaluation: EvaluationEntryFragment }) {
  const { status, isTerminal, progress, message, failure } = evaluation
  const percent = Math.round(progress * 100)
  return (
    <div>
      <StatusBadge status={status} />
      {!isTerminal && (
        <progress className="bar" max={100} value={percent} aria-label={`Progress of the evaluation of ${toSubject(evaluation)}`}>
          {percent} %
        </progress>
      )}
      <span className="detail">{failure?.message ?? message}</span>
    </div>
  )
}
