import { Dialog } from 'radix-ui'
import { type FormEvent, useState } from 'react'
import { useMutation } from 'urql'
import { toWords } from '../client.ts'
import { toFieldProblems } from '../field-problems.ts'
import { CreateKeyDocument, type KeyScope } from '../gql/graphql.ts'
import { scopeUse, toWord } from '../words.ts'
import { CopyButton } from './copy.tsx'
import { Field, FieldProblem, NameField } from './field.tsx'

const scopes = ['RECOGNIZE', 'READ', 'MANAGE'] as const satisfies KeyScope[]
const days = [30, 90, 365]

/** Makes a key, then shows its secret, this once. */
export function CreateKeyDialog({ close }: { close: () => void }) {
  const [made, setMade] = useState<{ name: string; secret: string }>()
  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        {/* A secret that is shown once is not to vanish with a stray click. */}
        <Dialog.Content className="dialog" aria-describedby={undefined} onInteractOutside={(event) => made && event.preventDefault()}>
          {made ? <Secret {...made} /> : <CreateKeyForm made={setMade} />}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

function CreateKeyForm({ made }: { made: (key: { name: string; secret: string }) => void }) {
  const [name, setName] = useState('')
  const [chosen, setChosen] = useState<readonly KeyScope[]>(['RECOGNIZE'])
  const [lasts, setLasts] = useState(0)
  const [problems, setProblems] = useState<Readonly<Record<string, string>>>({})
  const [{ fetching }, create] = useMutation(CreateKeyDocument)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const expiresAt = lasts ? new Date(Date.now() + lasts * 86_400_000).toISOString() : null
    const { data, error } = await create({ input: { name, scopes: [...chosen], expiresAt } })
    const result = data?.createKey
    if (result?.__typename === 'CreateKeySuccess') return made({ name: result.key.name, secret: result.secret ?? '' })
    const refusal = error ? { message: toWords(error) } : result
    if (refusal && 'message' in refusal) setProblems(toFieldProblems([refusal], ['name', 'scopes', 'expiresAt']))
  }
  return (
    <form className="dialog-form" onSubmit={submit}>
      <Dialog.Title>Create key</Dialog.Title>
      <NameField value={name} change={setName} problem={problems['name']} placeholder="Call centre" />
      <fieldset className="field">
        <legend>May</legend>
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
        <FieldProblem>{problems['scopes']}</FieldProblem>
      </fieldset>
      <Field label="Ends" problem={problems['expiresAt']}>
        {(described) => (
          <select {...described} value={lasts} onChange={(event) => setLasts(Number(event.target.value))}>
            <option value={0}>Never by itself</option>
            {days.map((count) => (
              <option key={count} value={count}>
                In {count} days
              </option>
            ))}
          </select>
        )}
      </Field>
      <FieldProblem>{problems['']}</FieldProblem>
      <div className="dialog-actions">
        <Dialog.Close className="button">Cancel</Dialog.Close>
        <button type="submit" className="primary button" disabled={fetching}>
          Create
        </button>
      </div>
    </form>
  )
}

function Secret({ name, secret }: { name: string; secret: string }) {
  return (
    <div className="dialog-form">
      <Dialog.Title>The key “{name}”</Dialog.Title>
      <p>Copy its secret now: it is shown this once and kept nowhere.</p>
      <div className="url secret">
        <code>{secret}</code>
        <CopyButton text={secret} what="the secret" />
      </div>
      <div className="dialog-actions">
        <Dialog.Close className="primary button">Done</Dialog.Close>
      </div>
    </div>
  )
}
