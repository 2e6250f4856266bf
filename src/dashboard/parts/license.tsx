import { useMutation } from 'urql'
import { toWords } from '../client.ts'
import { useDashboard } from '../dashboard.ts'
import { AcceptLicenseDocument, type ModelEntryFragment } from '../gql/graphql.ts'
import { tell } from './news.tsx'

type Licensed = Pick<ModelEntryFragment, 'id' | 'license' | 'licenseUrl' | 'isLicenseAccepted'>

/** Its name, as a link where the model comes with an address to read it at. */
export function License({ license, licenseUrl }: Pick<Licensed, 'license' | 'licenseUrl'>) {
  if (!licenseUrl) return license
  return (
    <a href={licenseUrl} target="_blank" rel="noreferrer">
      {license}
    </a>
  )
}

/** Asks to accept a license; `accepted` is called when the workspace has, for this model and all others under it. */
export function AcceptLicense({ model, accepted }: { model: Licensed; accepted: () => void }) {
  const { mayManage } = useDashboard()
  const [{ fetching }, send] = useMutation(AcceptLicenseDocument)
  const { id, license } = model
  const accept = async () => {
    const { data, error } = await send({ modelId: id })
    const result = data?.acceptLicense
    if (result?.__typename === 'AcceptLicenseSuccess') return accepted()
    tell(error ? toWords(error) : result && 'message' in result ? result.message : '', { isProblem: true })
  }
  return (
    <div className="license">
      <p className="detail">
        Before it can be deployed, its license has to be read and accepted: <License {...model} />
      </p>
      {mayManage && (
        <button type="button" className="small button" disabled={fetching} aria-label={`Accept license ${license}`} onClick={accept}>
          Accept license
        </button>
      )}
    </div>
  )
}
