import { Dialog } from 'radix-ui'
import { useState } from 'react'
import { useMutation } from 'urql'
import { toMessage } from '../api/client.ts'
import { checkNamed, type FieldProblems, toFieldProblems } from '../api/field-problems.ts'
import { scopeUse, toWord } from '../format/words.ts'
import { CreateKeyDocument, type KeyScope } from '../gql/graphql.ts'
import { CopyButton } from './copy.tsx'
import { Field, NameField, ProblemText } from './field.tsx'
import { FormDialog } from './form-dialog.tsx'

const scopes = ['RECOGNIZE', 'READ', 'MANAGE'] as const satisfies KeyScope[]
const days = [30, 90, 365]

/** Creates a key, then shows its secret once. */
export function CreateKeyDialog({ close }: { close: () => void }) {
  const [created, setCreated] = useState<{ name: string; secret: string }>()
  const [name, setName] = useState('')
  const [chosen, setChosen] = useState<readonly KeyScope[]>(['RECOGNIZE'])
  const [validDays, setValidDays] = useState(0)
  const [problems, setProblems] = useState<FieldProblems>({})
  const [{ fetching }, create] = useMutation(CreateKeyDocument)
  const submit = async () => {
    const found = { ...checkNamed({ name }), ...(!chosen.length && { scopes: 'Choose at least one permission.' }) }
    setProblems(found)
    if (Object.keys(found).length) return false
    const expiresAt = validDays ? new Date(Date.now() + validDays * 86_400_000).toISOString() : null
    const { data, error } = await create({ input: { name, scopes: [...chosen], expiresAt } })
    const result = data?.createKey
    if (result?.__typename === 'CreateKeySuccess') setCreated({ name: result.key.name, secret: result.secret ?? '' })
    const refusal = error ? { message: toMessage(error) } : result
    if (refusal && 'message' in refusal) setProblems(toFieldProblems([refusal], ['name', 'scopes', 'expiresAt']))
    return false
  }
  return (
    <FormDialog
      title="Create key"
      action="Create"
      isBusy={fetching}
      problem={problems['']}
      result={created && <Secret {...created} close={close} />}
      close={close}
      submit={submit}
    >
      <NameField value={name} change={setName} problem={problems['name']} placeholder="Call center" />
      <fieldset className="field" data-invalid={problems['scopes'] && true}>
        <legend>Permissions</legend>
        {scopes.map((scope) => (
          <label key={scope} className="check">
            <input
              type="checkbox"
              checked={chosen.includes(scope)}
              onChange={({ target }) => setChosen((others) => (target.checked ? [...others, scope] : others.filter((other) => other !== scope)))}
            />
            <span>
              {toWord(scope)} <span className="detail">{scopeUse[scope]}</span>
            </span>
          </label>
        ))}
        <ProblemText>{problems['scopes']}</ProblemText>
      </fieldset>
      <Field label="Expires" problem={problems['expiresAt']}>
        {(described) => (
          <select {...described} value={validDays} onChange={(event) => setValidDays(Number(event.target.value))}>
            <option value={0}>Never</option>
            {days.map((count) => (
              <option key={count} value={count}>
                In {count} days
              </option>
            ))}
          </select>
        )}
      </Field>
    </FormDialog>
  )
}

function Secret({ name, secret, close }: { name: string; secret: string; close: () => void }) {
  return (
    <div className="dialog-form">
      <Dialog.Title>Key “{name}”</Dialog.Title>
      <p>Copy the secret now. It won’t be shown again.</p>
      <div className="url secret">
        <code>{secret}</code>
        <CopyButton text={secret} noun="the secret" />
      </div>
      <div className="dialog-actions">
        <button type="button" className="primary button" onClick={close}>
          Done
        </button>
      </div>
    </div>
  )
}
