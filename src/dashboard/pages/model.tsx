import { useCallback, useRef } from 'react'
import { useQuery } from 'urql'
import { toReadMessage } from '../api/client.ts'
import { type LiveChange, useRefresh } from '../api/live.ts'
import { useModelChanges, useModelsRenewed } from '../api/model-changes.ts'
import { usePages } from '../api/pages.ts'
import { useRetry } from '../api/retry.ts'
import { changesRevisions } from '../api/revisions.ts'
import { useDashboard } from '../dashboard.ts'
import { count } from '../format/amounts.ts'
import { ModelDocument, type ModelQuery, UsedByDocument } from '../gql/graphql.ts'
import { useLast } from '../last.ts'
import { EvaluationTable, evaluationsPerPage, useEvaluations } from '../parts/evaluation/evaluation-table.tsx'
import { WordList } from '../parts/evaluation/word-list.tsx'
import { PageHeading } from '../parts/heading.tsx'
import { Icon } from '../parts/icon.tsx'
import { AcceptLicense } from '../parts/license.tsx'
import { Building, DeployLink, ModelActions, ModelFacts } from '../parts/model-card.tsx'
import { Loading, ProblemPage } from '../parts/problem.tsx'
import { StatusBadge } from '../parts/status.tsx'
import { Link, navigate } from '../route.ts'
import { useTitle } from '../title.ts'

type Model = NonNullable<ModelQuery['model']>

export default function ModelPage({ id }: { id: string }) {
  const [{ data: read, error, stale }, ask] = useQuery({ query: ModelDocument, variables: { id } })
  const data = useLast(read)
  const model = data?.model
  const again = () => ask({ requestPolicy: 'network-only' })
  useRetry(error, again)
  useModelChanges(stale ? undefined : data?.models.changesCursor, again)
  useModelsRenewed(again)
  useTitle(model?.name ?? (data ? 'Model not found' : 'Model'))
  if (error && !data) return <ProblemPage title="The model can’t be loaded" message={toReadMessage(error)} again={again} />
  if (!data) return <Loading />
  if (!model)
    return (
      <ProblemPage title="Model not found" message="The model has been deleted, or the link is wrong.">
        <Link className="button" href="/models">
          Back to models
        </Link>
      </ProblemPage>
    )
  const { name, description, isBase, isReady, isLicenseAccepted, locale, status } = model
  return (
    <>
      <Link className="back" href={`/models?locale=${locale}`}>
        <Icon name="back" />
        Models
      </Link>
      <div className="head">
        <div>
          <PageHeading>{name}</PageHeading>
          {description && <p className="description">{description}</p>}
        </div>
        {isBase ? isReady && isLicenseAccepted && <DeployLink model={model} /> : <ModelActions model={model} deleted={() => navigate('/models')} />}
      </div>
      <div className="columns">
        <div className="column">
          <UsedBy id={id} />
          <Evaluations id={id} />
          <Words model={model} />
        </div>
        <aside className="column">
          <section className="card section" aria-label="Details">
            <div className="section-head">
              <h2>Details</h2>
              {isBase ? <span className="tag">Base</span> : <StatusBadge status={status} />}
            </div>
            {!isBase && <Building model={model} />}
            <ModelFacts model={model} />
            {!isLicenseAccepted && <AcceptLicense model={model} accepted={again} />}
          </section>
        </aside>
      </div>
    </>
  )
}

/** The deployments that use a model. */
function UsedBy({ id }: { id: string }) {
  const { live } = useDashboard()
  const [{ data: read }, ask] = useQuery({ query: UsedByDocument, variables: { id } })
  const again = useCallback(() => ask({ requestPolicy: 'network-only' }), [ask])
  const deployments = useLast(read)?.deployments
  const shown = useRef(deployments)
  shown.current = deployments
  // A deployment that begins or ends to use the model, and a new status of one that is shown.
  const changesUse = useCallback(
    (change: LiveChange) => {
      const usesIt = [change.deployment?.acousticModel.id, change.deployment?.languageModel.id].includes(id)
      const isShown = shown.current?.nodes.some((deployment) => deployment.id === change.deploymentId) ?? false
      return (usesIt || isShown) && (change.status !== change.previousStatus || changesRevisions(change))
    },
    [id],
  )
  useRefresh(live, changesUse, again)
  if (!deployments) return null
  const { nodes, totalCount } = deployments
  return (
    <section className="card section" aria-label="Deployments with this model">
      <h2>Deployments with this model</h2>
      {totalCount === 0 && <p className="hint">No deployment uses this model.</p>}
      <ul className="confusions">
        {nodes.map((deployment) => (
          <li key={deployment.id}>
            <Link href={`/deployments/${encodeURIComponent(deployment.id)}`}>{deployment.name}</Link>
            <StatusBadge status={deployment.status} />
          </li>
        ))}
      </ul>
      {totalCount > nodes.length && <p className="detail">and {count(totalCount - nodes.length, 'other deployment')}</p>}
    </section>
  )
}

/** The evaluations of the model, on any test set. */
function Evaluations({ id }: { id: string }) {
  const { bounds, ...pages } = usePages(evaluationsPerPage)
  const { evaluations } = useEvaluations({ ...bounds, where: { modelId: id } })
  return evaluations && evaluations.totalCount > 0 ? <EvaluationTable evaluations={evaluations} pages={pages} hasTestSets /> : null
}

/** The words that the evaluation at the creation of a language model found better or worse. */
function Words({ model }: { model: Model }) {
  const evaluation = 'evaluation' in model ? model.evaluation : null
  if (!evaluation?.improved.length && !evaluation?.worsened.length) return null
  return (
    <section className="card section" aria-label="Words">
      <h2>Words on {count(evaluation.recordings, 'recording')}</h2>
      <WordList title="Correct only with this model" words={evaluation.improved} />
      <WordList title="Correct only without this model" words={evaluation.worsened} />
    </section>
  )
}
