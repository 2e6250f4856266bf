import { useState } from 'react'
import { useMutation } from 'urql'
import { toWords } from '../client.ts'
import { type FieldProblems, toFieldProblems } from '../field-problems.ts'
import { type AcousticModelSource, CreateAcousticModelDocument, type ModelEntryFragment } from '../gql/graphql.ts'
import { useIdempotencyKey } from '../idempotency.ts'
import { readUpload, useUpload } from '../upload.ts'
import { Field } from './field.tsx'
import { FormDialog } from './form-dialog.tsx'
import { BaseField, NameFields, WayField } from './model-fields.tsx'
import { tell } from './news.tsx'
import { UploadField } from './upload-field.tsx'

const fields = ['name', 'description', 'baseModelId', 'source.uploadId', 'source.httpsUrl', 'source.npmPackage', 'sha256']
const ways = { uploadId: 'Send a file', httpsUrl: 'Web address', npmPackage: 'npm package' } as const

type Way = keyof typeof ways

/** Brings a base model that was trained further; `close` is called when it is done with, whether one was brought or not. */
export function CreateAcousticModelDialog({ locale, bases, close }: { locale: string; bases: readonly ModelEntryFragment[]; close: () => void }) {
  const [named, setNamed] = useState({ name: '', description: '' })
  const [baseModelId, setBase] = useState(bases[0]?.id ?? '')
  const [way, setWay] = useState<Way>('uploadId')
  const archive = useUpload('acoustic-model')
  const [httpsUrl, setUrl] = useState('')
  const [npmPackage, setPackage] = useState('')
  const [sha256, setSha256] = useState('')
  const [problems, setProblems] = useState<FieldProblems>({})
  const [{ fetching }, create] = useMutation(CreateAcousticModelDocument)
  const withKey = useIdempotencyKey()

  const submit = async () => {
    const upload = readUpload(archive)
    const found = way === 'uploadId' && upload.problem
    setProblems(found ? { 'source.uploadId': found } : {})
    if (found) return false
    const sources: Record<Way, AcousticModelSource> = {
      uploadId: { uploadId: upload.id ?? '' },
      httpsUrl: { httpsUrl: httpsUrl.trim() },
      npmPackage: { npmPackage: npmPackage.trim() },
    }
    const input = { ...named, locale, baseModelId, source: sources[way], ...(way !== 'uploadId' && sha256.trim() && { sha256: sha256.trim() }) }
    const { data, error } = await create({ input: withKey(input) })
    const result = data?.createAcousticModel
    if (result?.__typename === 'CreateAcousticModelSuccess') {
      tell(`“${named.name}” is being fetched and checked.`)
      return true
    }
    const refusal = error ? { message: toWords(error) } : result
    if (refusal && 'message' in refusal) setProblems(toFieldProblems([refusal], fields))
    return false
  }

  return (
    <FormDialog title="Create acoustic model" action="Create" isBusy={fetching} problem={problems['']} holds close={close} submit={submit}>
      <NameFields value={named} change={setNamed} problems={problems} />
      <BaseField
        bases={bases}
        value={baseModelId}
        choose={setBase}
        hint="The one that it was trained from; it decides the scenario."
        problem={problems['baseModelId']}
      />
      <div className="field">
        <WayField legend="Where its files are" ways={ways} value={way} choose={setWay} />
        {way === 'uploadId' && (
          <UploadField
            label="Archive"
            hint="A .tar.gz with encoder_model.onnx and decoder_model_merged.onnx."
            accept=".tgz,.gz,application/gzip"
            upload={archive}
            problem={problems['source.uploadId']}
            changed={() => setProblems({})}
          />
        )}
        {way === 'httpsUrl' && (
          <Field label="Address of the archive" hint="An https: address on the internet, of such a .tar.gz." problem={problems['source.httpsUrl']}>
            {(described) => (
              <input
                {...described}
                type="url"
                value={httpsUrl}
                onChange={(event) => setUrl(event.target.value)}
                required
                placeholder="https://models.example.org/calls.tar.gz"
              />
            )}
          </Field>
        )}
        {way === 'npmPackage' && (
          <Field
            label="Package"
            hint="With its exact version; it comes from the registry that the server is set up with."
            problem={problems['source.npmPackage']}
          >
            {(described) => (
              <input
                {...described}
                type="text"
                value={npmPackage}
                onChange={(event) => setPackage(event.target.value)}
                required
                spellCheck={false}
                placeholder="@scope/name@1.2.3"
              />
            )}
          </Field>
        )}
      </div>
      {way !== 'uploadId' && (
        <Field label="SHA-256" hint="Optional: of the archive in hex, to be sure that it is the right one." problem={problems['sha256']}>
          {(described) => <input {...described} type="text" value={sha256} onChange={(event) => setSha256(event.target.value)} spellCheck={false} />}
        </Field>
      )}
    </FormDialog>
  )
}
