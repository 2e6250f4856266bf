import { useState } from 'react'
import { useMutation } from 'urql'
import { toMessage } from '../../api/client.ts'
import { checkNamed, type FieldProblems, toFieldProblems } from '../../api/field-problems.ts'
import { useIdempotencyKey } from '../../api/idempotency.ts'
import { readUpload, useUpload } from '../../api/upload.ts'
import { CreateTestSetDocument } from '../../gql/graphql.ts'
import { FormDialog } from '../form-dialog.tsx'
import { NameFields } from '../model-fields.tsx'
import { tell } from '../news.tsx'
import { UploadField } from '../upload-field.tsx'

const fields = ['name', 'description', 'uploadId']

/** Creates a test set from recordings with transcripts. `close` is called at the end, after a cancellation too. */
export function CreateTestSetDialog({ locale, close }: { locale: string; close: () => void }) {
  const [named, setNamed] = useState({ name: '', description: '' })
  const recordings = useUpload('recordings')
  const [problems, setProblems] = useState<FieldProblems>({})
  const [{ fetching }, create] = useMutation(CreateTestSetDocument)
  const withKey = useIdempotencyKey()
  const submit = async () => {
    const { id: uploadId, problem } = readUpload(recordings)
    const found = { ...checkNamed(named), ...(problem && { uploadId: problem }) }
    setProblems(found)
    if (Object.keys(found).length || !uploadId) return false
    const { data, error } = await create({ input: withKey({ ...named, locale, uploadId }) })
    const result = data?.createTestSet
    if (result?.__typename === 'CreateTestSetSuccess') {
      tell(`The recordings of “${named.name}” are being read.`)
      return true
    }
    const refusal = error ? { message: toMessage(error) } : result
    if (refusal && 'message' in refusal) setProblems(toFieldProblems([refusal], fields))
    return false
  }
  return (
    <FormDialog title="Create test set" action="Create" isBusy={fetching} problem={problems['']} isRoomy close={close} submit={submit}>
      <NameFields value={named} change={setNamed} problems={problems} />
      <UploadField
        label="Recordings"
        hint="A zip of recordings and one table: a .tsv with a file name, a tab and a transcript per line, or a .jsonl with audio_filepath and text per line."
        accept=".zip,application/zip"
        upload={recordings}
        problem={problems['uploadId']}
        changed={() => setProblems(({ uploadId: _, ...others }) => others)}
      />
    </FormDialog>
  )
}
