import { useMutation } from 'urql'
import { toMessage } from '../api/client.ts'
import { useDashboard } from '../dashboard.ts'
import { AcceptLicenseDocument, type ModelEntryFragment } from '../gql/graphql.ts'
import { tell } from './news.tsx'

type Licensed = Pick<ModelEntryFragment, 'id' | 'license' | 'licenseUrl' | 'isLicenseAccepted'>

/** "Moonshine Community License" for the SPDX id "LicenseRef-Moonshine-Community", "MIT License" for "MIT". */
function toLicenseName(spdxId: string): string {
  const words = spdxId.replace(/^LicenseRef-/, '').replaceAll('-', ' ')
  return /licen[cs]e$/i.test(words) ? words : `${words} License`
}

/** The name of a license, as a link if the model has its address. */
export function License({ license, licenseUrl }: Pick<Licensed, 'license' | 'licenseUrl'>) {
  const name = toLicenseName(license)
  if (!licenseUrl) return name
  return (
    <a href={licenseUrl} target="_blank" rel="noreferrer">
      {name}
    </a>
  )
}

/** Asks to accept a license. `accepted` is called when the workspace has accepted it, which counts for all models under the license. */
export function AcceptLicense({ model, accepted }: { model: Licensed; accepted: () => void }) {
  const { mayManage } = useDashboard()
  const [{ fetching }, send] = useMutation(AcceptLicenseDocument)
  const { id } = model
  const name = toLicenseName(model.license)
  const accept = async () => {
    const { data, error } = await send({ modelId: id })
    const result = data?.acceptLicense
    if (result?.__typename === 'AcceptLicenseSuccess') {
      tell(`${name} accepted.`)
      return accepted()
    }
    tell(error ? toMessage(error) : result && 'message' in result ? result.message : '', { isProblem: true })
  }
  return (
    <div className="license">
      <p className="detail">
        Read and accept the license before you use this model: <License {...model} />
      </p>
      {mayManage && (
        <button type="button" className="small button" disabled={fetching} aria-label={`Accept license: ${name}`} onClick={accept}>
          Accept license
        </button>
      )}
    </div>
  )
}
