import { useMutation } from 'urql'
import { toWords } from '../client.ts'
import { useDashboard } from '../dashboard.ts'
import { AcceptLicenceDocument, type ModelEntryFragment } from '../gql/graphql.ts'
import { tell } from './news.tsx'

type Licensed = Pick<ModelEntryFragment, 'id' | 'licence' | 'licenceUrl' | 'isLicenceAccepted'>

/** Its name, as a link where the model comes with an address to read it at. */
export function Licence({ licence, licenceUrl }: Pick<Licensed, 'licence' | 'licenceUrl'>) {
  if (!licenceUrl) return licence
  return (
    <a href={licenceUrl} target="_blank" rel="noreferrer">
      {licence}
    </a>
  )
}

/** Asks to accept a licence; `accepted` is called when the workspace has, for this model and all others under it. */
export function AcceptLicence({ model, accepted }: { model: Licensed; accepted: () => void }) {
  const { mayManage } = useDashboard()
  const [{ fetching }, send] = useMutation(AcceptLicenceDocument)
  const { id, licence } = model
  const accept = async () => {
    const { data, error } = await send({ modelId: id })
    const result = data?.acceptLicense
    if (result?.__typename === 'AcceptLicenseSuccess') return accepted()
    tell(error ? toWords(error) : result && 'message' in result ? result.message : '', { isProblem: true })
  }
  return (
    <div className="licence">
      <p className="detail">
        Before it can be deployed, its licence has to be read and accepted: <Licence {...model} />
      </p>
      {mayManage && (
        <button type="button" className="small button" disabled={fetching} aria-label={`Accept licence ${licence}`} onClick={accept}>
          Accept licence
        </button>
      )}
    </div>
  )
}
