import { useEffect, useState } from 'react'
import { useMutation } from 'urql'
import { toMessage, toReadMessage } from '../../api/client.ts'
import { type FieldProblems, toFieldProblems } from '../../api/field-problems.ts'
import { useIdempotencyKey } from '../../api/idempotency.ts'
import { type LoadedModels, useModelPair } from '../../api/model-pair.ts'
import { useModels } from '../../api/models.ts'
import { type DeploymentQuery, RedeployDeploymentDocument } from '../../gql/graphql.ts'
import { Field } from '../field.tsx'
import { FormDialog } from '../form-dialog.tsx'
import { ModelPairChoice } from '../model-choice.tsx'
import { tell } from '../news.tsx'
import { checkGate, GateFields, noGate, toGate } from './gate-fields.tsx'

interface RedeployProps {
  deployment: NonNullable<DeploymentQuery['deployment']>
  close: () => void
}

/** Deploys another pair of models under the same URLs. The dialog opens when the models have been read. */
export function RedeployDialog(props: RedeployProps) {
  const { models, error, refresh } = useModels(props.deployment.locale)
  const { close } = props
  useEffect(() => {
    if (!error || models) return
    tell(toReadMessage(error), { isProblem: true })
    close()
  }, [error, models, close])
  return models ? <RedeployForm {...props} models={models} refresh={refresh} /> : null
}

const fields = ['acousticModelId', 'languageModelId', 'note', 'canary', 'shadow', 'gate.testSetId', 'gate.maxWordErrorRate', 'gate.maxIncrease']

const checkPercent = (field: string, text: string): FieldProblems =>
  /^\d*$/.test(text.trim()) && Number(text) <= 100 ? {} : { [field]: 'Enter a whole number from 0 to 100.' }

function RedeployForm({ deployment, models, refresh, close }: RedeployProps & { models: LoadedModels; refresh: () => void }) {
  // The revision that the user knew of. A revision that began later is not replaced without a word.
  const [{ currentRevision, pendingRevision }] = useState(deployment)
  const { acousticModel, languageModel } = currentRevision
  const { chosen, choose, misfits, bases } = useModelPair(deployment.locale, models, { ACOUSTIC: acousticModel, LANGUAGE: languageModel })
  const [note, setNote] = useState('')
  const [canary, setCanary] = useState('')
  const [shadow, setShadow] = useState('')
  const [gate, setGate] = useState(noGate)
  const [problems, setProblems] = useState<FieldProblems>({})
  const [{ fetching }, redeploy] = useMutation(RedeployDeploymentDocument)
  const withKey = useIdempotencyKey()
  const submit = async () => {
    const { acoustic, language } = chosen
    const found = {
      ...(!acoustic && { acousticModelId: 'Choose an acoustic model.' }),
      ...(!language && { languageModelId: 'Choose a language model.' }),
      ...(acoustic?.id === acousticModel.id && language?.id === languageModel.id && { '': 'The deployment serves these models. Choose another model.' }),
      ...checkPercent('canary', canary),
      ...checkPercent('shadow', shadow),
      ...checkGate(gate),
    }
    setProblems(found)
    if (Object.keys(found).length || !acoustic || !language) return false
    const input = {
      deploymentId: deployment.id,
      acousticModelId: acoustic.id,
      languageModelId: language.id,
      note,
      ...(canary.trim() && { canary: { percent: Number(canary) } }),
      ...(shadow.trim() && { shadow: { percent: Number(shadow) } }),
      ...(gate.testSetId && { gate: toGate(gate) }),
      ...(pendingRevision && { supersede: true }),
    }
    const { data, error } = await redeploy({ input: withKey(input) })
    const result = data?.redeployDeployment
    if (result?.__typename === 'RedeployDeploymentSuccess') {
      const { pendingRevision: made } = result.deployment
      tell(`Revision ${made?.number ?? ''} is being provisioned. Revision ${currentRevision.number} serves meanwhile.`)
      return true
    }
    const refusal = error ? { message: toMessage(error) } : result
    if (refusal && 'message' in refusal) setProblems(toFieldProblems([refusal], fields))
    if (result?.__typename === 'ModelNotReadyError' || result?.__typename === 'LicenseNotAcceptedError') refresh()
    return false
  }
  return (
    <FormDialog title="Deploy another model" action="Deploy" isBusy={fetching} problem={problems['']} isRoomy close={close} submit={submit}>
      <p className="detail">
        The URLs stay the same, and revision {currentRevision.number} serves until the new revision has passed its test.
        {pendingRevision && ` Revision ${pendingRevision.number}, which is pending, ends.`}
      </p>
      <ModelPairChoice pair={{ bases, chosen, misfits, choose }} own={models.own} problems={problems} licenseAccepted={refresh} />
      <Field label="Note" hint="Optional. The reason, for the history." problem={problems['note']}>
        {(described) => <textarea {...described} rows={2} value={note} onChange={(event) => setNote(event.target.value)} />}
      </Field>
      <GateFields deployment={deployment} value={gate} change={setGate} problems={problems} />
      <PercentField
        label="Canary"
        hint="Optional. The percentage of clients whose new sessions the revision serves on trial, until you promote it. Without a trial, the revision serves all new sessions after its test."
        value={canary}
        change={setCanary}
        problem={problems['canary']}
      />
      <PercentField
        label="Shadow"
        hint="Optional. The percentage of recordings that the revision recognizes as well, in idle capacity. Clients do not receive its texts. The page shows how many words differ."
        value={shadow}
        change={setShadow}
        problem={problems['shadow']}
      />
    </FormDialog>
  )
}

interface PercentFieldProps {
  label: string
  hint: string
  value: string
  change: (text: string) => void
  problem: string | undefined
}

function PercentField({ label, hint, value, change, problem }: PercentFieldProps) {
  return (
    <Field label={label} hint={hint} problem={problem}>
      {(described) => (
        <input
          {...described}
          type="text"
          inputMode="numeric"
          autoComplete="off"
          placeholder="10"
          value={value}
          onChange={(event) => change(event.target.value)}
        />
      )}
    </Field>
  )
}
