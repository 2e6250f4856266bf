import { Dialog } from 'radix-ui'
import { type FormEvent, useState } from 'react'
import { useMutation } from 'urql'
import { toWords } from '../client.ts'
import { type FieldProblems, toFieldProblems } from '../field-problems.ts'
import { CreateLanguageModelDocument, type ModelEntryFragment } from '../gql/graphql.ts'
import { Field } from './field.tsx'
import { tell } from './news.tsx'

const fields = ['name', 'baseModelId', 'text', 'phrases']
const mostBytes = 1_000_000

/** Makes a language model from text; `close` is called when it is done with, whether one was made or not. */
export function CreateLanguageModelDialog({ locale, bases, close }: { locale: string; bases: readonly ModelEntryFragment[]; close: () => void }) {
  const [name, setName] = useState('')
  const [baseModelId, setBase] = useState(bases[0]?.id ?? '')
  const [text, setText] = useState('')
  const [phrases, setPhrases] = useState('')
  const [problems, setProblems] = useState<FieldProblems>({})
  const [{ fetching }, create] = useMutation(CreateLanguageModelDocument)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    // The server would refuse the whole request, too large to be read.
    if (new Blob([text]).size > mostBytes) return setProblems({ text: 'It must have at most 1 MB. Larger texts are uploaded: PUT /uploads?kind=text.' })
    const listed = phrases
      .split('\n')
      .map((phrase) => phrase.trim())
      .filter(Boolean)
    const { data, error } = await create({ input: { name, locale, baseModelId, text, phrases: listed } })
    const result = data?.createLanguageModel
    if (result?.__typename === 'CreateLanguageModelSuccess') {
      tell(`“${name}” is being built.`)
      return close()
    }
    const refusal = error ? { message: toWords(error) } : result
    if (refusal && 'message' in refusal) setProblems(toFieldProblems([refusal], fields))
  }
  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        {/* A text that took long to find is not to vanish with a stray click. */}
        <Dialog.Content className="dialog" aria-describedby={undefined} onInteractOutside={(event) => event.preventDefault()}>
          <Dialog.Title>Create language model</Dialog.Title>
          <form className="dialog-form" onSubmit={submit}>
            <Field label="Name" problem={problems['name']}>
              {(described) => (
                <input {...described} type="text" value={name} onChange={(event) => setName(event.target.value)} maxLength={100} required autoComplete="off" />
              )}
            </Field>
            <Field label="Base model" hint="It decides the scenario." problem={problems['baseModelId']}>
              {(described) => (
                <select {...described} value={baseModelId} onChange={(event) => setBase(event.target.value)}>
                  {bases.map((base) => (
                    <option key={base.id} value={base.id}>
                      {base.name}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <Field label="Text" hint="What people say in your field, one utterance a line. Up to 1 MB." problem={problems['text']}>
              {(described) => <textarea {...described} rows={7} value={text} onChange={(event) => setText(event.target.value)} required spellCheck={false} />}
            </Field>
            <Field label="Phrases" hint="Optional: those that matter most, one a line. Each counts as ten lines of the text." problem={problems['phrases']}>
              {(described) => <textarea {...described} rows={3} value={phrases} onChange={(event) => setPhrases(event.target.value)} spellCheck={false} />}
            </Field>
            {problems[''] && (
              <p className="field-problem" role="alert">
                {problems['']}
              </p>
            )}
            <div className="dialog-actions">
              <Dialog.Close className="button">Cancel</Dialog.Close>
              <button type="submit" className="primary button" disabled={fetching}>
                Create
              </button>
            </div>
          </form>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
