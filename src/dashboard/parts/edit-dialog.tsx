import { useState } from 'react'
import { type CombinedError, useMutation } from 'urql'
import { toMessage } from '../api/client.ts'
import { checkNamed, type FieldProblems, toFieldProblems } from '../api/field-problems.ts'
import { UpdateDeploymentDocument, UpdateModelDocument } from '../gql/graphql.ts'
import { FormDialog } from './form-dialog.tsx'
import { type Named, NameFields } from './model-fields.tsx'

type SaveResult = { error?: CombinedError | undefined; result: object | undefined }

interface EditProps {
  noun: string
  opened: Named
  isBusy: boolean
  save: (named: Named) => Promise<SaveResult>
  close: () => void
}

function EditDialog({ noun, opened, isBusy, save, close }: EditProps) {
  const [named, setNamed] = useState<Named>({ name: opened.name, description: opened.description })
  const [problems, setProblems] = useState<FieldProblems>({})
  const submit = async () => {
    const found = checkNamed(named)
    setProblems(found)
    if (Object.keys(found).length) return false
    const { error, result } = await save(named)
    const refusal = error ? { message: toMessage(error) } : result
    if (!refusal || !('message' in refusal)) return true
    setProblems(toFieldProblems([refusal as { message: string }], ['name', 'description']))
    return false
  }
  return (
    <FormDialog title={`Edit ${noun}`} action="Save" isBusy={isBusy} problem={problems['']} close={close} submit={submit}>
      <NameFields value={named} change={setNamed} problems={problems} />
    </FormDialog>
  )
}

/** Changes name and description. The server refuses to overwrite a change that was made after the dialog was opened. */
export function EditDeploymentDialog({ deployment, close }: { deployment: Named & { id: string; sequence: number }; close: () => void }) {
  const [opened] = useState(deployment)
  const [{ fetching }, update] = useMutation(UpdateDeploymentDocument)
  const save = async (named: Named) => {
    const hasChanged = deployment.name !== opened.name || deployment.description !== opened.description
    // Progress also increases `sequence`. It is no conflict, so the newest number is sent unless the fields have changed.
    const ifSequence = hasChanged ? opened.sequence : deployment.sequence
    const { data, error } = await update({ input: { id: opened.id, ...named, ifSequence } })
    return { error, result: data?.updateDeployment }
  }
  return <EditDialog noun="deployment" opened={opened} isBusy={fetching} save={save} close={close} />
}

export function EditModelDialog({ model: { id, name, description }, close }: { model: Named & { id: string }; close: () => void }) {
  const [{ fetching }, update] = useMutation(UpdateModelDocument)
  const save = async (named: Named) => {
    const { data, error } = await update({ input: { id, ...named } })
    return { error, result: data?.updateModel }
  }
  return <EditDialog noun="model" opened={{ name, description }} isBusy={fetching} save={save} close={close} />
}
