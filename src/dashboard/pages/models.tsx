import { useEffect, useState } from 'react'
import { useQuery } from 'urql'
import { toWords } from '../client.ts'
import { useDashboard } from '../dashboard.ts'
import { type ModelDetailFragment, ModelDetailsDocument } from '../gql/graphql.ts'
import { useLocale } from '../locale.ts'
import { useModelChanges } from '../model-changes.ts'
import { CreateLanguageModelDialog } from '../parts/create-language-model.tsx'
import { Icon } from '../parts/icon.tsx'
import { LocalePicker } from '../parts/locale-picker.tsx'
import { ModelCard } from '../parts/model-card.tsx'
import { Loading, Problem } from '../parts/problem.tsx'
import { useSearch } from '../route.ts'

const kinds = [
  { kind: 'ACOUSTIC', title: 'Acoustic models', use: 'How speech sounds' },
  { kind: 'LANGUAGE', title: 'Language models', use: 'Which words are said, and how they are written' },
] as const

/** What deployments are made of. */
export default function ModelsPage() {
  const { locale, locales } = useLocale()
  const { mayManage } = useDashboard()
  const [, setSearch] = useSearch()
  const [isCreating, setCreating] = useState(false)
  const [{ data, error }, again] = useQuery({ query: ModelDetailsDocument, variables: { where: { locale: locale?.code ?? null } }, pause: !locale })
  const refresh = () => again({ requestPolicy: 'network-only' })
  useModelChanges(refresh)
  useEffect(() => {
    document.title = 'Models'
  }, [])
  if (error && !data) return <Problem title="The models cannot be read" message={toWords(error)} again={again} />
  if (!locale || !data) return <Loading />
  const bases = data.models.nodes.filter(({ kind, isBase }) => kind === 'LANGUAGE' && isBase)
  return (
    <>
      <div className="head">
        <h1>
          Models, <span className="muted">{locale.name}</span>
        </h1>
        <div className="head-actions">
          <LocalePicker locale={locale} locales={locales} choose={(code) => setSearch({ locale: code })} />
          {mayManage && bases.length > 0 && (
            <button type="button" className="primary button" onClick={() => setCreating(true)}>
              <Icon name="plus" />
              Create language model
            </button>
          )}
        </div>
      </div>
      {kinds.map(({ kind, title, use }) => (
        <section key={kind} className="models-of-kind">
          <h2>{title}</h2>
          <p className="detail">{use}</p>
          {[true, false].map((isBase) => (
            <Cards key={String(isBase)} models={data.models.nodes.filter((model) => model.kind === kind && model.isBase === isBase)} refresh={refresh} />
          ))}
        </section>
      ))}
      {isCreating && (
        <CreateLanguageModelDialog
          locale={locale.code}
          bases={bases}
          close={() => {
            setCreating(false)
            refresh()
          }}
        />
      )}
    </>
  )
}

function Cards({ models, refresh }: { models: readonly ModelDetailFragment[]; refresh: () => void }) {
  if (!models.length) return null
  return (
    <ul className="model-cards">
      {models.map((model) => (
        <ModelCard key={model.id} model={model} refresh={refresh} />
      ))}
    </ul>
  )
}
