import { type FormEvent, useEffect, useRef, useState } from 'react'
import { useMutation } from 'urql'
import { toMessage, toReadMessage } from '../api/client.ts'
import { checkNamed, type FieldProblems, toFieldProblems } from '../api/field-problems.ts'
import { useIdempotencyKey } from '../api/idempotency.ts'
import { type ChosenModels, type LoadedModels, useModelPair } from '../api/model-pair.ts'
import { useModels } from '../api/models.ts'
import { useDashboard } from '../dashboard.ts'
import { focusFirstProblem } from '../focus.ts'
import { usePreflight, whyUnavailable } from '../format/fitting.ts'
import { type Locale, useLocale } from '../format/locale.ts'
import { CreateDeploymentDocument, type CreateDeploymentInput } from '../gql/graphql.ts'
import { DraftGuard } from '../parts/draft-guard.tsx'
import { DescriptionField, NameField, ProblemText } from '../parts/field.tsx'
import { PageHeading } from '../parts/heading.tsx'
import { Icon } from '../parts/icon.tsx'
import { ModelPairChoice } from '../parts/model-choice.tsx'
import { Loading, ProblemPage } from '../parts/problem.tsx'
import { Link, navigate } from '../route.ts'
import { useTitle } from '../title.ts'

const fields = ['name', 'description', 'acousticModelId', 'languageModelId']

export default function CreatePage() {
  const { mayManage } = useDashboard()
  const { locale, error, refresh } = useLocale()
  useTitle('Create deployment')
  if (!mayManage) return <ProblemPage title="Your key can’t create deployments" message="Sign in with a key that has the Manage permission." />
  if (locale) return <Create key={locale.code} locale={locale} />
  return error ? <ProblemPage title="Models can’t be loaded" message={toReadMessage(error)} again={refresh} /> : <Loading />
}

function Create({ locale }: { locale: Locale }) {
  const { models, error, refresh } = useModels(locale.code)
  if (error && !models) return <ProblemPage title="Models can’t be loaded" message={toReadMessage(error)} again={refresh} />
  if (!models) return <Loading />
  return (
    <div className="narrow">
      <Link className="back" href={`/?locale=${locale.code}`}>
        <Icon name="back" />
        Deployments
      </Link>
      <PageHeading>Create deployment</PageHeading>
      <p className="lead">Choose an acoustic model and a language model for {locale.name}. One endpoint serves both.</p>
      <CreateForm locale={locale.code} models={models} refresh={refresh} />
    </div>
  )
}

function CreateForm({ locale, models, refresh }: { locale: string; models: LoadedModels; refresh: () => void }) {
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const [linked] = useState(() => findLinked(models))
  const { chosen, choose, misfits, bases, isTouched } = useModelPair(locale, models, linked)
  const [, create] = useMutation(CreateDeploymentDocument)
  const [isSending, setSending] = useState(false)
  const [refused, setRefused] = useState<{ input: string; problems: FieldProblems }>()
  const withKey = useIdempotencyKey()
  const form = useRef<HTMLFormElement>(null)
  const [tries, setTries] = useState(0)
  const refuse = () => setTries((count) => count + 1)
  useEffect(() => {
    if (tries) focusFirstProblem(form.current)
  }, [tries])

  const input: CreateDeploymentInput | undefined =
    chosen.acoustic && chosen.language ? { name, description, locale, acousticModelId: chosen.acoustic.id, languageModelId: chosen.language.id } : undefined
  const foreseen = usePreflight(name.trim() ? input : undefined)
  // A refusal of the server is shown until the input changes.
  const reported = refused && refused.input === JSON.stringify(input) ? refused.problems : toFieldProblems(foreseen, fields)
  const { name: ofName, ...ofDescription } = checkNamed({ name, description })
  const missing: FieldProblems = {
    ...ofDescription,
    ...(ofName && { name: ofName }),
    ...(!chosen.acoustic && { acousticModelId: 'Choose an acoustic model.' }),
    ...(!chosen.language && { languageModelId: 'Choose a language model.' }),
  }
  // Empty fields are problems only after the form was sent, texts that are too long at once.
  const early = { ...ofDescription, ...(ofName && name.trim() && { name: ofName }) }
  const problems: FieldProblems = { ...reported, ...(tries > 0 ? missing : early) }

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (isSending) return
    if (!input || Object.keys(missing).length) return refuse()
    setSending(true)
    const { data, error } = await create({ input: withKey(input) })
    setSending(false)
    const result = data?.createDeployment
    if (result?.__typename === 'CreateDeploymentSuccess') return navigate(`/?locale=${locale}`, { state: { created: result.deployment.id }, isDecided: true })
    const refusal = error ? { message: toMessage(error) } : result
    if (refusal && 'message' in refusal) setRefused({ input: JSON.stringify(input), problems: toFieldProblems([refusal], fields) })
    refuse()
    // The models on the page can be out of date.
    if (result?.__typename === 'ModelNotReadyError' || result?.__typename === 'LicenseNotAcceptedError') refresh()
  }

  return (
    <form ref={form} className="card form" noValidate onSubmit={submit}>
      <NameField value={name} change={setName} problem={problems['name']} placeholder="Front desk" />
      <DescriptionField value={description} change={setDescription} problem={problems['description']} />
      <ModelPairChoice pair={{ bases, chosen, misfits, choose }} own={models.own} problems={problems} licenseAccepted={refresh} />
      <ProblemText>{problems['']}</ProblemText>
      <div className="form-actions">
        <button type="submit" className="primary button" disabled={isSending}>
          Create
        </button>
        <Link className="button" href={`/?locale=${locale}`} isDecided>
          Cancel
        </Link>
      </div>
      <DraftGuard isActive={Boolean(name || description || isTouched)}>The new deployment has not been created.</DraftGuard>
    </form>
  )
}

/** The model in a link such as /new?model=…. */
function findLinked({ bases, own }: LoadedModels): ChosenModels {
  const id = new URLSearchParams(location.search).get('model')
  const linked = [...bases, ...own.ACOUSTIC.models, ...own.LANGUAGE.models].find((model) => model.id === id && !whyUnavailable(model))
  return linked ? { [linked.kind]: linked } : {}
}
