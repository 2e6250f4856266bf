import { useState } from 'react'
import { useMutation } from 'urql'
import { toMessage } from '../api/client.ts'
import { checkNamed, type FieldProblems, toFieldProblems } from '../api/field-problems.ts'
import { useIdempotencyKey } from '../api/idempotency.ts'
import { readUpload, useUpload } from '../api/upload.ts'
import { CreateLanguageModelDocument } from '../gql/graphql.ts'
import { Field } from './field.tsx'
import { FormDialog } from './form-dialog.tsx'
import { BaseField, type CreateModelProps, NameFields, WayField } from './model-fields.tsx'
import { tell } from './news.tsx'
import { type PronunciationRow, Pronunciations, withoutEmpty } from './pronunciations.tsx'
import { UploadField } from './upload-field.tsx'

const fields = ['name', 'description', 'baseModelId', 'text', 'uploadId', 'phrases', 'pronunciations', 'recordingsUploadId']
const maxTextBytes = 1_000_000
const ways = { text: 'Paste text', file: 'Upload a file' } as const

/** Creates a language model from text. `close` is called at the end, after a cancellation too. */
export function CreateLanguageModelDialog({ locale, bases, refresh, close }: CreateModelProps) {
  const [named, setNamed] = useState({ name: '', description: '' })
  const [baseModelId, setBase] = useState(bases[0]?.id ?? '')
  const [way, setWay] = useState<keyof typeof ways>('text')
  const [text, setText] = useState('')
  const file = useUpload('text')
  const [phrases, setPhrases] = useState('')
  const [pronunciations, setPronunciations] = useState<readonly PronunciationRow[]>([])
  const recordings = useUpload('recordings')
  const [problems, setProblems] = useState<FieldProblems>({})
  const [{ fetching }, create] = useMutation(CreateLanguageModelDocument)
  const withKey = useIdempotencyKey()

  const without = (field: string) => () => setProblems(({ [field]: _, ...others }) => others)

  const submit = async () => {
    const source = way === 'file' ? readUpload(file) : undefined
    const evaluation = recordings.state.step === 'none' ? undefined : readUpload(recordings)
    const found = {
      ...checkNamed(named),
      ...(!source && !text.trim() && { text: 'Enter the text, one utterance per line.' }),
      // The server refuses a larger request before it reads the fields.
      ...(!source && new Blob([text]).size > maxTextBytes && { text: 'Text must have at most 1 MB. Upload a larger text as a file.' }),
      ...(source?.problem && { uploadId: source.problem }),
      ...(evaluation?.problem && { recordingsUploadId: evaluation.problem }),
    }
    setProblems(found)
    if (Object.keys(found).length) return false
    const rows = withoutEmpty(pronunciations)
    // The server's problems count rows without the empty ones, so the form shows the same rows.
    setPronunciations(rows)
    const input = {
      ...named,
      locale,
      baseModelId,
      ...(source?.id ? { uploadId: source.id } : { text }),
      phrases: toLines(phrases),
      pronunciations: rows.map(({ spoken, written }) => ({ spoken, written })),
      ...(evaluation?.id && { recordingsUploadId: evaluation.id }),
    }
    const { data, error } = await create({ input: withKey(input) })
    const result = data?.createLanguageModel
    if (result?.__typename === 'CreateLanguageModelSuccess') {
      tell(`Language model “${named.name}” is being built.`)
      return true
    }
    const refusal = error ? { message: toMessage(error) } : result
    if (refusal && 'message' in refusal) setProblems(toFieldProblems([refusal], [...fields, ...toCells(rows)]))
    return false
  }

  return (
    <FormDialog title="Create language model" action="Create" isBusy={fetching} problem={problems['']} isRoomy close={close} submit={submit}>
      <NameFields value={named} change={setNamed} problems={problems} />
      <BaseField
        bases={bases}
        value={baseModelId}
        choose={setBase}
        hint="The base model determines the scenario."
        problem={problems['baseModelId']}
        accepted={refresh}
      />
      <div className="field">
        <WayField legend="Source of the text" ways={ways} value={way} choose={setWay} />
        {way === 'text' ? (
          <Field label="Text" hint="Sentences from your field, one utterance per line. Up to 1 MB." problem={problems['text']}>
            {(described) => <textarea {...described} rows={7} value={text} onChange={(event) => setText(event.target.value)} spellCheck={false} />}
          </Field>
        ) : (
          <UploadField
            label="Text file"
            hint="Sentences from your field, one utterance per line. UTF-8, optionally compressed with gzip."
            accept=".txt,.gz,text/plain,application/gzip"
            upload={file}
            problem={problems['uploadId']}
            changed={without('uploadId')}
          />
        )}
      </div>
      <Field label="Phrases" hint="Optional. The most important phrases, one per line. Each phrase counts as ten lines of text." problem={problems['phrases']}>
        {(described) => <textarea {...described} rows={3} value={phrases} onChange={(event) => setPhrases(event.target.value)} spellCheck={false} />}
      </Field>
      <Pronunciations
        rows={pronunciations}
        change={(rows) => {
          // Problems contain the numbers of rows.
          if (rows.length !== pronunciations.length) setProblems({})
          setPronunciations(rows)
        }}
        problems={problems}
      />
      <UploadField
        label="Recordings"
        hint="Optional. Test recordings that measure the improvement: a zip of recordings and one .tsv file with a file name, a tab and a transcript per line."
        accept=".zip,application/zip"
        upload={recordings}
        problem={problems['recordingsUploadId']}
        changed={without('recordingsUploadId')}
      />
    </FormDialog>
  )
}

const toLines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)

const toCells = (rows: readonly PronunciationRow[]) => rows.flatMap((_, n) => [`pronunciations.${n}.spoken`, `pronunciations.${n}.written`])
