import { useMutation } from 'urql'
import { toWords } from '../client.ts'
import { useDashboard } from '../dashboard.ts'
import { AcceptLicenceDocument, type ModelEntryFragment } from '../gql/graphql.ts'
import { tell } from './news.tsx'

type Licensed = Pick<ModelEntryFragment, 'id' | 'licence' | 'licenceUrl' | 'isLicenceAccepted'>

/** "Moonshine Community License" for the SPDX id "LicenseRef-Moonshine-Community", "MIT License" for "MIT". */
function toLicenseName(spdxId: string): string {
  const words = spdxId.replace(/^LicenseRef-/, '').replaceAll('-', ' ')
  return /licen[cs]e$/i.test(words) ? words : `${words} License`
}

/** The name of a license, as a link where the model has an address for it. */
export function Licence({ licence, licenceUrl }: Pick<Licensed, 'licence' | 'licenceUrl'>) {
  const name = toLicenseName(licence)
  if (!licenceUrl) return name
  return (
    <a href={licenceUrl} target="_blank" rel="noreferrer">
      {name}
    </a>
  )
}

/** Asks to accept a license; `accepted` is called when the workspace has done so, for this model and all others under it. */
export function AcceptLicence({ model, accepted }: { model: Licensed; accepted: () => void }) {
  const { mayManage } = useDashboard()
  const [{ fetching }, send] = useMutation(AcceptLicenceDocument)
  const { id } = model
  const name = toLicenseName(model.licence)
  const accept = async () => {
    const { data, error } = await send({ modelId: id })
    const result = data?.acceptLicense
    if (result?.__typename === 'AcceptLicenseSuccess') {
      tell(`${name} accepted.`)
      return accepted()
    }
    tell(error ? toWords(error) : result && 'message' in result ? result.message : '', { isProblem: true })
  }
  return (
    <div className="licence">
      <p className="detail">
        Read and accept the license before you use this model: <Licence {...model} />
      </p>
      {mayManage && (
        <button type="button" className="small button" disabled={fetching} aria-label={`Accept license: ${name}`} onClick={accept}>
          Accept license
        </button>
      )}
    </div>
  )
}
