import { type FormEvent, useEffect, useMemo, useRef, useState } from 'react'
import { useMutation, useQuery } from 'urql'
import { toWords } from '../client.ts'
import { useDashboard } from '../dashboard.ts'
import { type FieldProblems, toFieldProblems } from '../field-problems.ts'
import { useMisfits, usePreflight, whyUnavailable } from '../fitting.ts'
import { CreateDeploymentDocument, type CreateDeploymentInput, type ModelEntryFragment, ModelsDocument } from '../gql/graphql.ts'
import { useLocale } from '../locale.ts'
import { useFollowed, useModelChanges } from '../model-changes.ts'
import { Field } from '../parts/field.tsx'
import { Icon } from '../parts/icon.tsx'
import { ModelChoice } from '../parts/model-choice.tsx'
import { Loading, Problem } from '../parts/problem.tsx'
import { Link, navigate } from '../route.ts'

const fields = ['name', 'description', 'acousticModelId', 'languageModelId']
const nothing: readonly ModelEntryFragment[] = []

export function CreatePage() {
  const { mayManage } = useDashboard()
  const { locale } = useLocale()
  const [{ data, error }, again] = useQuery({ query: ModelsDocument, variables: { where: { locale: locale?.code ?? null } }, pause: !locale })
  const refresh = () => again({ requestPolicy: 'network-only' })
  useModelChanges(refresh)
  useEffect(() => {
    document.title = 'Create Deployment'
  }, [])
  if (!mayManage) return <Problem title="Your key may not create deployments" message="It lacks the scope MANAGE. Sign in with a key that has it." />
  if (error && !data) return <Problem title="The models cannot be read" message={toWords(error)} again={again} />
  if (!locale || !data) return <Loading />
  return (
    <div className="narrow">
      <Link className="back" href={`/?locale=${locale.code}`}>
        <Icon name="back" />
        Deployments
      </Link>
      <h1>Create Deployment</h1>
      <p className="lead">An acoustic and a language model, served together at a URL of their own, for {locale.name}.</p>
      <CreateForm locale={locale.code} models={data.models.nodes} refresh={refresh} />
      {data.models.nodes.map((model) => !model.isTerminal && <Followed key={model.id} model={model} />)}
    </div>
  )
}

/** A model that is being built can be chosen the moment it is ready. */
function Followed({ model }: { model: ModelEntryFragment }) {
  useFollowed(model)
  return null
}

function CreateForm({ locale, models, refresh }: { locale: string; models: readonly ModelEntryFragment[]; refresh: () => void }) {
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const { acoustic, language, chosen, choose, misfits } = usePair(locale, models)
  const [, create] = useMutation(CreateDeploymentDocument)
  const [isSending, setSending] = useState(false)
  const [refused, setRefused] = useState<{ input: string; problems: FieldProblems }>()
  const keyOf = useIdempotencyKey()

  const input: CreateDeploymentInput | undefined =
    chosen.acoustic && chosen.language ? { name, description, locale, acousticModelId: chosen.acoustic.id, languageModelId: chosen.language.id } : undefined
  const foreseen = usePreflight(name.trim() ? input : undefined)
  // What the server refused stays until the input is another one.
  const problems = refused && refused.input === JSON.stringify(input) ? refused.problems : toFieldProblems(foreseen, fields)

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (!input || isSending) return
    setSending(true)
    const { data, error } = await create({ input: { ...input, idempotencyKey: keyOf(JSON.stringify(input)) } })
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
      <Field label="Name" problem={problems['name']}>
        {(described) => (
          <input
            {...described}
            type="text"
            value={name}
            onChange={(event) => setName(event.target.value)}
            maxLength={100}
            required
            autoComplete="off"
            placeholder="Front desk"
          />
        )}
      </Field>
      <Field label="Description" hint="Optional: what it is for, for those who come after you." problem={problems['description']}>
        {(described) => <textarea {...described} rows={2} value={description} onChange={(event) => setDescription(event.target.value)} maxLength={1000} />}
      </Field>
      <ModelChoice
        title="Acoustic Model"
        name="acoustic"
        models={acoustic}
        chosen={chosen.acoustic?.id}
        misfits={misfits}
        problem={problems['acousticModelId']}
        choose={(id) => choose('ACOUSTIC', id)}
        licenceAccepted={refresh}
      />
      <ModelChoice
        title="Language Model"
        name="language"
        models={language}
        chosen={chosen.language?.id}
        misfits={misfits}
        problem={problems['languageModelId']}
        choose={(id) => choose('LANGUAGE', id)}
        licenceAccepted={refresh}
      />
      {problems[''] && (
        <p className="field-problem" role="alert">
          {problems['']}
        </p>
      )}
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

type Kind = 'ACOUSTIC' | 'LANGUAGE'

/**
 * Two models that fit. The kind that is chosen first leads: it can be changed at will, the other list follows it.
 * Where only one model fits, it is chosen along.
 */
function usePair(locale: string, models: readonly ModelEntryFragment[]) {
  const [ids, setIds] = useState<Partial<Record<Kind, string>>>({})
  const [leading, setLeading] = useState<Kind>()
  const acoustic = useMemo(() => models.filter(({ kind }) => kind === 'ACOUSTIC'), [models])
  const language = useMemo(() => models.filter(({ kind }) => kind === 'LANGUAGE'), [models])
  const chosen = { acoustic: acoustic.find(({ id }) => id === ids.ACOUSTIC), language: language.find(({ id }) => id === ids.LANGUAGE) }
  const [leader, followers, follower] =
    leading === 'LANGUAGE'
      ? ([chosen.language, acoustic, 'ACOUSTIC'] as const)
      : leading
        ? ([chosen.acoustic, language, 'LANGUAGE'] as const)
        : ([undefined, nothing, undefined] as const)
  const misfits = useMisfits(locale, leader, followers)
  useEffect(() => {
    if (!follower || !misfits.size) return
    const fitting = followers.filter((model) => !misfits.has(model.id) && !whyUnavailable(model))
    setIds((now) => {
      const id = now[follower]
      if (id && !misfits.has(id)) return now
      const { [follower]: _, ...rest } = now
      return fitting.length === 1 && fitting[0] ? { ...rest, [follower]: fitting[0].id } : rest
    })
  }, [misfits, followers, follower])
  const choose = (kind: Kind, id: string) => {
    setLeading((first) => first ?? kind)
    setIds((now) => ({ ...now, [kind]: id }))
  }
  return { acoustic, language, chosen, choose, misfits }
}

/** The same key as long as the same is sent, so that sending it again after a lost answer makes no second deployment. */
function useIdempotencyKey() {
  const last = useRef({ input: '', key: '' })
  return (input: string) => {
    if (last.current.input !== input) last.current = { input, key: Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-') }
    return last.current.key
  }
}
