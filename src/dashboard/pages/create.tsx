import { type FormEvent, useEffect, useMemo, useState } from 'react'
import { useMutation } from 'urql'
import { toWords } from '../client.ts'
import { useDashboard } from '../dashboard.ts'
import { type FieldProblems, toFieldProblems } from '../field-problems.ts'
import { useMisfits, usePreflight, whyUnavailable } from '../fitting.ts'
import { CreateDeploymentDocument, type CreateDeploymentInput, type ModelEntryFragment } from '../gql/graphql.ts'
import { useIdempotencyKey } from '../idempotency.ts'
import { type Locale, useLocale } from '../locale.ts'
import { isWhole, type Kind, useModels } from '../models.ts'
import { Field, FieldProblem, NameField } from '../parts/field.tsx'
import { Icon } from '../parts/icon.tsx'
import { ModelChoice } from '../parts/model-choice.tsx'
import { Loading, Problem } from '../parts/problem.tsx'
import { Link, navigate } from '../route.ts'

const fields = ['name', 'description', 'acousticModelId', 'languageModelId']
type Models = NonNullable<ReturnType<typeof useModels>['models']>

const nothing: readonly ModelEntryFragment[] = []

export function CreatePage() {
  const { mayManage } = useDashboard()
  const { locale } = useLocale()
  useEffect(() => {
    document.title = 'Create Deployment'
  }, [])
  if (!mayManage) return <Problem title="Your key may not create deployments" message="It lacks the scope MANAGE. Sign in with a key that has it." />
  return locale ? <Create key={locale.code} locale={locale} /> : <Loading />
}

function Create({ locale }: { locale: Locale }) {
  const { models, error, refresh } = useModels(locale.code)
  if (error && !models) return <Problem title="The models cannot be read" message={toWords(error)} again={refresh} />
  if (!models) return <Loading />
  return (
    <div className="narrow">
      <Link className="back" href={`/?locale=${locale.code}`}>
        <Icon name="back" />
        Deployments
      </Link>
      <h1>Create Deployment</h1>
      <p className="lead">An acoustic and a language model, served together at a URL of their own, for {locale.name}.</p>
      <CreateForm locale={locale.code} models={models} refresh={refresh} />
    </div>
  )
}

function CreateForm({ locale, models, refresh }: { locale: string; models: Models; refresh: () => void }) {
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const { chosen, choose, misfits, bases } = usePair(locale, models)
  const [, create] = useMutation(CreateDeploymentDocument)
  const [isSending, setSending] = useState(false)
  const [refused, setRefused] = useState<{ input: string; problems: FieldProblems }>()
  const withKey = useIdempotencyKey()

  const input: CreateDeploymentInput | undefined =
    chosen.acoustic && chosen.language ? { name, description, locale, acousticModelId: chosen.acoustic.id, languageModelId: chosen.language.id } : undefined
  const foreseen = usePreflight(name.trim() ? input : undefined)
  // What the server refused stays until the input is another one.
  const problems = refused && refused.input === JSON.stringify(input) ? refused.problems : toFieldProblems(foreseen, fields)

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (!input || isSending) return
    setSending(true)
    const { data, error } = await create({ input: withKey(input) })
    setSending(false)
    const result = data?.createDeployment
    if (result?.__typename === 'CreateDeploymentSuccess') return navigate(`/?locale=${locale}`, { state: { created: result.deployment.id } })
    const refusal = error ? { message: toWords(error) } : result
    if (refusal && 'message' in refusal) setRefused({ input: JSON.stringify(input), problems: toFieldProblems([refusal], fields) })
    // What was shown of the models may be old.
    if (result?.__typename === 'ModelNotReadyError' || result?.__typename === 'LicenseNotAcceptedError') refresh()
  }

  return (
    <form className="card form" onSubmit={submit}>
      <NameField value={name} change={setName} problem={problems['name']} placeholder="Front desk" />
      <Field label="Description" hint="Optional: what it is for, for those who come after you." problem={problems['description']}>
        {(described) => <textarea {...described} rows={2} value={description} onChange={(event) => setDescription(event.target.value)} maxLength={1000} />}
      </Field>
      <ModelChoice
        title="Acoustic Model"
        name="acoustic"
        bases={bases.ACOUSTIC}
        own={models.own.ACOUSTIC}
        chosen={chosen.acoustic}
        misfits={misfits}
        problem={problems['acousticModelId']}
        choose={choose}
        licenseAccepted={refresh}
      />
      <ModelChoice
        title="Language Model"
        name="language"
        bases={bases.LANGUAGE}
        own={models.own.LANGUAGE}
        chosen={chosen.language}
        misfits={misfits}
        problem={problems['languageModelId']}
        choose={choose}
        licenseAccepted={refresh}
      />
      <FieldProblem>{problems['']}</FieldProblem>
      <div className="form-actions">
        <button type="submit" className="primary button" disabled={isSending}>
          Create
        </button>
        <Link className="button" href={`/?locale=${locale}`}>
          Cancel
        </Link>
      </div>
    </form>
  )
}

/**
 * Two models that fit. The kind that is chosen first leads: it can be changed at will, the other list follows it.
 * Where only one model fits, it is chosen along.
 */
function usePair(locale: string, { bases: all, own }: Models) {
  const [pair, setPair] = useState<Partial<Record<Kind, ModelEntryFragment>>>({})
  const [leading, setLeading] = useState<Kind>()
  const bases = useMemo(() => ({ ACOUSTIC: all.filter(({ kind }) => kind === 'ACOUSTIC'), LANGUAGE: all.filter(({ kind }) => kind === 'LANGUAGE') }), [all])
  const follower = leading && (leading === 'ACOUSTIC' ? 'LANGUAGE' : 'ACOUSTIC')
  const shown = follower && own[follower].models
  const listed = useMemo(() => (follower && shown ? [...bases[follower], ...shown] : nothing), [bases, follower, shown])
  const partner = follower && pair[follower]
  // What was chosen may be on another page of the list.
  const elsewhere = partner && !listed.some(({ id }) => id === partner.id) ? partner : undefined
  const followers = useMemo(() => (elsewhere ? [...listed, elsewhere] : listed), [listed, elsewhere])
  // As it is now, where it is on the page; else as it was when it was chosen.
  const current = (kind: Kind) => [...bases[kind], ...own[kind].models].find(({ id }) => id === pair[kind]?.id) ?? pair[kind]
  const chosen = { acoustic: current('ACOUSTIC'), language: current('LANGUAGE') }
  const misfits = useMisfits(locale, leading === 'LANGUAGE' ? chosen.language : leading && chosen.acoustic, followers)
  const isAll = follower !== undefined && isWhole(own[follower])
  useEffect(() => {
    if (!follower || !misfits.size) return
    const fitting = followers.filter((model) => !misfits.has(model.id) && !whyUnavailable(model))
    setPair((now) => {
      const model = now[follower]
      if (model && !misfits.has(model.id)) return now
      const { [follower]: _, ...rest } = now
      return isAll && fitting.length === 1 && fitting[0] ? { ...rest, [follower]: fitting[0] } : rest
    })
  }, [misfits, followers, follower, isAll])
  const choose = (model: ModelEntryFragment) => {
    const kind = model.kind === 'LANGUAGE' ? 'LANGUAGE' : 'ACOUSTIC'
    setLeading((first) => first ?? kind)
    setPair((now) => ({ ...now, [kind]: model }))
  }
  return { chosen, choose, misfits, bases }
}
