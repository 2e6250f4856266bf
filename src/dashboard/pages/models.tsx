import { useEffect } from 'react'
import { useQuery } from 'urql'
import { toWords } from '../client.ts'
import { type ModelEntryFragment, ModelsDocument } from '../gql/graphql.ts'
import { useLocale } from '../locale.ts'
import { LocalePicker } from '../parts/locale-picker.tsx'
import { Loading, Problem } from '../parts/problem.tsx'
import { useSearch } from '../route.ts'
import { formatMoment } from '../time.ts'
import { toWord } from '../words.ts'

const kinds = [
  { kind: 'ACOUSTIC', title: 'Acoustic models', use: 'How speech sounds' },
  { kind: 'LANGUAGE', title: 'Language models', use: 'Which words are said, and how they are written' },
] as const

/** What deployments are made of. */
export default function ModelsPage() {
  const { locale, locales } = useLocale()
  const [, setSearch] = useSearch()
  const [{ data, error }, again] = useQuery({ query: ModelsDocument, variables: { where: { locale: locale?.code ?? null } }, pause: !locale })
  useEffect(() => {
    document.title = 'Models'
  }, [])
  if (error && !data) return <Problem title="The models cannot be read" message={toWords(error)} again={again} />
  if (!locale || !data) return <Loading />
  return (
    <>
      <div className="head">
        <h1>
          Models, <span className="muted">{locale.name}</span>
        </h1>
        <LocalePicker locale={locale} locales={locales} choose={(code) => setSearch({ locale: code })} />
      </div>
      {kinds.map(({ kind, title, use }) => (
        <section key={kind} className="models-of-kind">
          <h2>{title}</h2>
          <p className="detail">{use}</p>
          <ul className="model-cards">
            {data.models.nodes
              .filter((model) => model.kind === kind)
              .map((model) => (
                <ModelCard key={model.id} model={model} />
              ))}
          </ul>
        </section>
      ))}
    </>
  )
}

function ModelCard({ model: { name, description, isBase, scenario, licence, sizeBytes, createdAt } }: { model: ModelEntryFragment }) {
  return (
    <li className="card model-card">
      <div className="model-card-head">
        <h3>{name}</h3>
        <span className="tag">{isBase ? 'Base' : 'Custom'}</span>
      </div>
      <p>{description}</p>
      <dl className="facts">
        <dt>Scenario</dt>
        <dd>{toWord(scenario)}</dd>
        <dt>Size</dt>
        <dd>{formatBytes(sizeBytes)}</dd>
        <dt>Licence</dt>
        <dd>{licence}</dd>
        {!isBase && (
          <>
            <dt>Added</dt>
            <dd>{formatMoment(createdAt)}</dd>
          </>
        )}
      </dl>
    </li>
  )
}

const formatBytes = (bytes: number) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${Math.round(bytes / 1e6)} MB`)
