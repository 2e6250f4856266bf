import { Dialog } from 'radix-ui'
import { type FormEvent, useState } from 'react'
import { useMutation } from 'urql'
import { toWords } from '../client.ts'
import { toFieldProblems } from '../field-problems.ts'
import { UpdateDeploymentDocument } from '../gql/graphql.ts'
import { Field } from './field.tsx'

interface Editable {
  id: string
  name: string
  description: string
  sequence: number
}

/** Rename and describe anew; what somebody else has changed meanwhile is not overwritten. */
export function EditDialog({ deployment, close }: { deployment: Editable; close: () => void }) {
  const [opened] = useState(deployment)
  const [name, setName] = useState(opened.name)
  const [description, setDescription] = useState(opened.description)
  const [problems, setProblems] = useState<Readonly<Record<string, string>>>({})
  const [{ fetching }, update] = useMutation(UpdateDeploymentDocument)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const hasChanged = deployment.name !== opened.name || deployment.description !== opened.description
    // Progress counts as a change too, but not as one that this could overwrite.
    const ifSequence = hasChanged ? opened.sequence : deployment.sequence
    const { data, error } = await update({ input: { id: opened.id, name, description, ifSequence } })
    const result = data?.updateDeployment
    if (result?.__typename === 'UpdateDeploymentSuccess') return close()
    const refusal = error ? { message: toWords(error) } : result
    if (refusal && 'message' in refusal) setProblems(toFieldProblems([refusal], ['name', 'description']))
  }
  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="dialog" aria-describedby={undefined}>
          <Dialog.Title>Rename</Dialog.Title>
          <form className="dialog-form" onSubmit={submit}>
            <Field label="Name" problem={problems['name']}>
              {(described) => (
                <input {...described} type="text" value={name} onChange={(event) => setName(event.target.value)} maxLength={100} required autoComplete="off" />
              )}
            </Field>
            <Field label="Description" problem={problems['description']}>
              {(described) => (
                <textarea {...described} rows={3} value={description} onChange={(event) => setDescription(event.target.value)} maxLength={1000} />
              )}
            </Field>
            {problems[''] && (
              <p className="field-problem" role="alert">
                {problems['']}
              </p>
            )}
            <div className="dialog-actions">
              <Dialog.Close className="button">Cancel</Dialog.Close>
              <button type="submit" className="primary button" disabled={fetching}>
                Save
              </button>
            </div>
          </form>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
