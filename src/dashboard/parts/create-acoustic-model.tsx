import { useState } from 'react'
import { useMutation } from 'urql'
import { toMessage } from '../api/client.ts'
import { checkNamed, type FieldProblems, toFieldProblems } from '../api/field-problems.ts'
import { useIdempotencyKey } from '../api/idempotency.ts'
import { readUpload, useUpload } from '../api/upload.ts'
import { type AcousticModelSource, CreateAcousticModelDocument } from '../gql/graphql.ts'
import { Field } from './field.tsx'
import { FormDialog } from './form-dialog.tsx'
import { BaseField, type CreateModelProps, NameFields, WayField } from './model-fields.tsx'
import { tell } from './news.tsx'
import { UploadField } from './upload-field.tsx'

const fields = ['name', 'description', 'baseModelId', 'source.uploadId', 'source.httpsUrl', 'source.npmPackage', 'sha256']
const ways = { uploadId: 'Upload a file', httpsUrl: 'Web address', npmPackage: 'npm package' } as const

type Way = keyof typeof ways

/** Imports a fine-tuned base model. `close` is called at the end, after a cancellation too. */
export function CreateAcousticModelDialog({ locale, bases, refresh, close }: CreateModelProps) {
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
    const found = {
      ...checkNamed(named),
      ...(way === 'uploadId' && upload.problem && { 'source.uploadId': upload.problem }),
      ...(way === 'httpsUrl' && !httpsUrl.trim() && { 'source.httpsUrl': 'Enter the address of the archive.' }),
      ...(way === 'npmPackage' && !npmPackage.trim() && { 'source.npmPackage': 'Enter a package with its version, such as @scope/name@1.2.3.' }),
    }
    setProblems(found)
    if (Object.keys(found).length) return false
    const sources: Record<Way, AcousticModelSource> = {
      uploadId: { uploadId: upload.id ?? '' },
      httpsUrl: { httpsUrl: httpsUrl.trim() },
      npmPackage: { npmPackage: npmPackage.trim() },
    }
    const input = { ...named, locale, baseModelId, source: sources[way], ...(way !== 'uploadId' && sha256.trim() && { sha256: sha256.trim() }) }
    const { data, error } = await create({ input: withKey(input) })
    const result = data?.createAcousticModel
    if (result?.__typename === 'CreateAcousticModelSuccess') {
      tell(`Acoustic model “${named.name}” is being fetched and checked.`)
      return true
    }
    const refusal = error ? { message: toMessage(error) } : result
    if (refusal && 'message' in refusal) setProblems(toFieldProblems([refusal], fields))
    // Shows the license that has to be accepted.
    if (result?.__typename === 'LicenseNotAcceptedError') refresh()
    return false
  }

  return (
    <FormDialog title="Create acoustic model" action="Create" isBusy={fetching} problem={problems['']} isRoomy close={close} submit={submit}>
      <NameFields value={named} change={setNamed} problems={problems} />
      <BaseField
        bases={bases}
        value={baseModelId}
        choose={setBase}
        hint="The model that yours was fine-tuned from. It determines the scenario."
        problem={problems['baseModelId']}
        accepted={refresh}
      />
      <div className="field">
        <WayField legend="Source of the files" ways={ways} value={way} choose={setWay} />
        {way === 'uploadId' && (
          <UploadField
            label="Archive"
            hint="A .tar.gz that contains encoder_model.onnx and decoder_model_merged.onnx."
            accept=".tgz,.gz,application/gzip"
            upload={archive}
            problem={problems['source.uploadId']}
            changed={() => setProblems({})}
          />
        )}
        {way === 'httpsUrl' && (
          <Field
            label="Address of the archive"
            hint="An https: address on the internet that serves a .tar.gz with both files."
            problem={problems['source.httpsUrl']}
          >
            {(described) => (
              <input
                {...described}
                type="url"
                value={httpsUrl}
                onChange={(event) => setUrl(event.target.value)}
                placeholder="https://models.example.org/calls.tar.gz"
              />
            )}
          </Field>
        )}
        {way === 'npmPackage' && (
          <Field
            label="Package"
            hint="The name and the exact version. The server fetches the package from its npm registry."
            problem={problems['source.npmPackage']}
          >
            {(described) => (
              <input
                {...described}
                type="text"
                value={npmPackage}
                onChange={(event) => setPackage(event.target.value)}
                spellCheck={false}
                placeholder="@scope/name@1.2.3"
              />
            )}
          </Field>
        )}
      </div>
      {way !== 'uploadId' && (
        <Field label="SHA-256" hint="Optional. The archive’s hash in hex, to verify the download." problem={problems['sha256']}>
          {(described) => <input {...described} type="text" value={sha256} onChange={(event) => setSha256(event.target.value)} spellCheck={false} />}
        </Field>
      )}
    </FormDialog>
  )
}
