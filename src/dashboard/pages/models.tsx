import { useEffect, useState } from 'react'
import { toWords } from '../client.ts'
import { useDashboard } from '../dashboard.ts'
import type { ModelDetailFragment } from '../gql/graphql.ts'
import { type Locale, useLocale } from '../locale.ts'
import { isLong, type Kind, type OwnModels, useModels } from '../models.ts'
import { CreateAcousticModelDialog } from '../parts/create-acoustic-model.tsx'
import { CreateLanguageModelDialog } from '../parts/create-language-model.tsx'
import { Icon } from '../parts/icon.tsx'
import { LocalePicker } from '../parts/locale-picker.tsx'
import { ModelCard } from '../parts/model-card.tsx'
import { Pages } from '../parts/pages.tsx'
import { Loading, Problem } from '../parts/problem.tsx'
import { SearchField } from '../parts/search-field.tsx'
import { useSearch } from '../route.ts'

const kinds = [
  { kind: 'ACOUSTIC', title: 'Acoustic models', noun: 'custom acoustic model', use: 'How speech sounds' },
  { kind: 'LANGUAGE', title: 'Language models', noun: 'custom language model', use: 'Which words are said, and how they are written' },
] as const

/** What deployments are made of. */
export default function ModelsPage() {
  const { locale, locales } = useLocale()
  useEffect(() => {
    document.title = 'Models'
  }, [])
  return locale ? <Models key={locale.code} locale={locale} locales={locales} /> : <Loading />
}

function Models({ locale, locales }: { locale: Locale; locales: readonly Locale[] }) {
  const { mayManage } = useDashboard()
  const [, setSearch] = useSearch()
  const [creating, setCreating] = useState<Kind>()
  const { models, error, refresh } = useModels(locale.code)
  if (error && !models) return <Problem title="The models cannot be read" message={toWords(error)} again={refresh} />
  if (!models) return <Loading />
  const { bases, own } = models
  const basesOf = (wanted: Kind) => bases.filter(({ kind }) => kind === wanted)
  const CreateDialog = creating === 'ACOUSTIC' ? CreateAcousticModelDialog : CreateLanguageModelDialog
  return (
    <>
      <div className="head">
        <h1>
          Models, <span className="muted">{locale.name}</span>
        </h1>
        <div className="head-actions">
          <LocalePicker locale={locale} locales={locales} choose={(code) => setSearch({ locale: code })} />
        </div>
      </div>
      {kinds.map(({ kind, title, noun, use }) => (
        <section key={kind} className="models-of-kind" aria-label={title}>
          <div className="section-head">
            <div>
              <h2>{title}</h2>
              <p className="detail">{use}</p>
            </div>
            {mayManage && basesOf(kind).length > 0 && (
              <button type="button" className="button" onClick={() => setCreating(kind)}>
                <Icon name="plus" />
                Create {title.toLowerCase().slice(0, -1)}
              </button>
            )}
          </div>
          <Cards models={basesOf(kind)} refresh={refresh} />
          <OwnCards own={own[kind]} noun={noun} refresh={refresh} />
        </section>
      ))}
      {creating && (
        <CreateDialog
          locale={locale.code}
          bases={basesOf(creating)}
          close={() => {
            setCreating(undefined)
            refresh()
          }}
        />
      )}
    </>
  )
}

function OwnCards({ own, noun, refresh }: { own: OwnModels; noun: string; refresh: () => void }) {
  return (
    <>
      {isLong(own) && <SearchField label={`Search ${noun}s`} placeholder="Search name or description" text={own.text} changed={own.search} />}
      <Cards models={own.models} refresh={refresh} />
      {isLong(own) && own.pageInfo && (
        <Pages label={`Pages of ${noun}s`} pageInfo={own.pageInfo} shown={own.models.length} total={own.totalCount} noun={noun} go={own.go} />
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
