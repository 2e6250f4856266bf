import { useRef, useState } from 'react'
import { toReadMessage } from '../api/client.ts'
import { isLong, type KnownModelKind, modelsPerPage, type OwnModels, useModels } from '../api/models.ts'
import { useDashboard } from '../dashboard.ts'
import { type Locale, useLocale } from '../format/locale.ts'
import type { ModelDetailFragment } from '../gql/graphql.ts'
import { CreateAcousticModelDialog } from '../parts/create-acoustic-model.tsx'
import { CreateLanguageModelDialog } from '../parts/create-language-model.tsx'
import { PageHeading } from '../parts/heading.tsx'
import { Icon } from '../parts/icon.tsx'
import { LocalePicker } from '../parts/locale-picker.tsx'
import { ModelCard } from '../parts/model-card.tsx'
import { Pagination } from '../parts/pagination.tsx'
import { Loading, ProblemPage } from '../parts/problem.tsx'
import { SearchField } from '../parts/search-field.tsx'
import { useSearch } from '../route.ts'
import { useTitle } from '../title.ts'

const kinds = [
  {
    kind: 'ACOUSTIC',
    title: 'Acoustic models',
    noun: 'custom acoustic model',
    use: 'Map audio to words',
    invitation: 'No custom acoustic model yet. If you have fine-tuned a base model on your recordings, add it here.',
  },
  {
    kind: 'LANGUAGE',
    title: 'Language models',
    noun: 'custom language model',
    use: 'Determine which words are likely, and how they are written',
    invitation: 'No custom language model yet. Create one from text of your field to recognize its words more reliably.',
  },
] as const

/** The models of a locale, custom models first. */
export default function ModelsPage() {
  const { locale, locales, error, refresh } = useLocale()
  useTitle('Models')
  if (locale) return <ModelsOfLocale key={locale.code} locale={locale} locales={locales} />
  return error ? <ProblemPage title="Models can’t be loaded" message={toReadMessage(error)} again={refresh} /> : <Loading />
}

function ModelsOfLocale({ locale, locales }: { locale: Locale; locales: readonly Locale[] }) {
  const { mayManage } = useDashboard()
  const [, setSearch] = useSearch()
  const [creating, setCreating] = useState<KnownModelKind>()
  const { models, error, refresh } = useModels(locale.code)
  if (error && !models) return <ProblemPage title="Models can’t be loaded" message={toReadMessage(error)} again={refresh} />
  if (!models) return <Loading />
  const { bases, own } = models
  const basesOf = (wanted: KnownModelKind) => bases.filter(({ kind }) => kind === wanted)
  const CreateDialog = creating === 'ACOUSTIC' ? CreateAcousticModelDialog : CreateLanguageModelDialog
  return (
    <>
      <div className="head">
        <PageHeading>
          Models, <span className="muted">{locale.name}</span>
        </PageHeading>
        <div className="head-actions">
          <LocalePicker locale={locale} locales={locales} choose={(code) => setSearch({ locale: code }, { push: true })} />
          {mayManage && basesOf('LANGUAGE').length > 0 && (
            <button type="button" className="primary button" onClick={() => setCreating('LANGUAGE')}>
              <Icon name="plus" />
              Create language model
            </button>
          )}
        </div>
      </div>
      {kinds.map(({ kind, title, noun, use, invitation }) => (
        <section key={kind} className="models-of-kind" aria-label={title}>
          <div className="section-head">
            <div>
              <h2>{title}</h2>
              <p className="detail">{use}</p>
            </div>
            {mayManage && kind === 'ACOUSTIC' && basesOf(kind).length > 0 && (
              <button type="button" className="button" onClick={() => setCreating(kind)}>
                <Icon name="plus" />
                Create acoustic model
              </button>
            )}
          </div>
          {mayManage && !own[kind].models.length && !isLong(own[kind]) && <p className="hint invitation">{invitation}</p>}
          <OwnCards own={own[kind]} noun={noun} refresh={refresh} />
          <Cards models={basesOf(kind)} refresh={refresh} />
        </section>
      ))}
      {creating && (
        <CreateDialog
          locale={locale.code}
          bases={basesOf(creating)}
          refresh={refresh}
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
  const list = useRef<HTMLElement>(null)
  return (
    <section ref={list} aria-label={`${noun.charAt(0).toUpperCase()}${noun.slice(1)}s`} tabIndex={-1} className="own-models">
      {isLong(own) && <SearchField label={`Search ${noun}s`} placeholder="Search name or description" text={own.text} changed={own.search} />}
      <Cards models={own.models} refresh={refresh} />
      {isLong(own) && own.pageInfo && (
        <Pagination
          label={`Pages of ${noun}s`}
          pageInfo={own.pageInfo}
          offset={own.offset}
          shown={own.models.length}
          size={modelsPerPage}
          total={own.totalCount}
          noun={noun}
          go={(page) => {
            own.go(page)
            list.current?.focus({ preventScroll: true })
            list.current?.scrollIntoView()
          }}
        />
      )}
    </section>
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
