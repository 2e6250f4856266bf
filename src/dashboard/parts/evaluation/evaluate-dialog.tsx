import { useState } from 'react'
import { useMutation, useQuery } from 'urql'
import { toMessage } from '../../api/client.ts'
import { type FieldProblems, toFieldProblems } from '../../api/field-problems.ts'
import { useIdempotencyKey } from '../../api/idempotency.ts'
import { useModelPair } from '../../api/model-pair.ts'
import { useModels } from '../../api/models.ts'
import { CreateEvaluationDocument, type CreateEvaluationInput, EvaluableDocument, type TestSetEntryFragment } from '../../gql/graphql.ts'
import { useLast } from '../../last.ts'
import { Field } from '../field.tsx'
import { FormDialog } from '../form-dialog.tsx'
import { ModelPairChoice } from '../model-choice.tsx'
import { WayField } from '../model-fields.tsx'
import { tell } from '../news.tsx'
import { SearchField } from '../search-field.tsx'

const ways = { deployment: 'A deployment', models: 'Two models' } as const
const fields = ['deploymentId', 'acousticModelId', 'languageModelId']

const noModels = { bases: [], own: { ACOUSTIC: emptyList(), LANGUAGE: emptyList() } }

function emptyList() {
  return { models: [], totalCount: 0, pageInfo: undefined, offset: 0, text: '', search: () => {}, go: () => {} }
}

/** Evaluates the models of a deployment, or two models that no deployment needs to serve. */
export function EvaluateDialog({ testSet, close, created }: { testSet: TestSetEntryFragment; close: () => void; created: () => void }) {
  const { id: testSetId, locale, name } = testSet
  const [way, setWay] = useState<keyof typeof ways>('deployment')
  const [deploymentId, setDeployment] = useState('')
  const { models = noModels, refresh } = useModels(locale)
  const { chosen, choose, misfits, bases } = useModelPair(locale, models)
  const [problems, setProblems] = useState<FieldProblems>({})
  const [{ fetching }, create] = useMutation(CreateEvaluationDocument)
  const withKey = useIdempotencyKey()
  const submit = async () => {
    const { acoustic, language } = chosen
    const found =
      way === 'deployment'
        ? { ...(!deploymentId && { deploymentId: 'Choose a deployment.' }) }
        : { ...(!acoustic && { acousticModelId: 'Choose an acoustic model.' }), ...(!language && { languageModelId: 'Choose a language model.' }) }
    setProblems(found)
    if (Object.keys(found).length) return false
    const input: CreateEvaluationInput =
      way === 'deployment' ? { testSetId, deploymentId } : { testSetId, acousticModelId: acoustic?.id ?? null, languageModelId: language?.id ?? null }
    const { data, error } = await create({ input: withKey(input) })
    const result = data?.createEvaluation
    if (result?.__typename === 'CreateEvaluationSuccess') {
      tell(`The evaluation on “${name}” runs when the server has idle capacity.`)
      created()
      return true
    }
    const refusal = error ? { message: toMessage(error) } : result
    if (refusal && 'message' in refusal) setProblems(toFieldProblems([refusal], fields))
    return false
  }
  return (
    <FormDialog title={`Evaluate on “${name}”`} action="Evaluate" isBusy={fetching} problem={problems['']} isRoomy close={close} submit={submit}>
      <div className="field">
        <WayField
          legend="Evaluated models"
          ways={ways}
          value={way}
          choose={(next) => {
            setProblems({})
            setWay(next)
          }}
        />
      </div>
      {way === 'deployment' ? (
        <DeploymentField locale={locale} value={deploymentId} choose={setDeployment} problem={problems['deploymentId']} />
      ) : (
        <ModelPairChoice pair={{ bases, chosen, misfits, choose }} own={models.own} problems={problems} licenseAccepted={refresh} />
      )}
    </FormDialog>
  )
}

interface DeploymentFieldProps {
  locale: string
  value: string
  choose: (id: string) => void
  problem: string | undefined
}

/** A list of the first 100 deployments. A search finds the others. */
function DeploymentField({ locale, value, choose, problem }: DeploymentFieldProps) {
  const [text, setText] = useState('')
  const [{ data }] = useQuery({ query: EvaluableDocument, variables: { where: { locale, statuses: ['COMPLETE'], ...(text && { text }) } } })
  const { nodes = [], totalCount = 0 } = useLast(data)?.deployments ?? {}
  const search = (next: string) => {
    choose('')
    setText(next)
  }
  return (
    <>
      {(text || totalCount > nodes.length) && <SearchField label="Search deployments" placeholder="Search name" text={text} changed={search} />}
      <Field label="Deployment" hint="The evaluation uses the models that the deployment serves now." problem={problem}>
        {(described) => (
          <select {...described} value={value} onChange={(event) => choose(event.target.value)}>
            <option value="">Choose a deployment</option>
            {nodes.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        )}
      </Field>
    </>
  )
}
