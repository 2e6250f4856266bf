// The actions on the revisions of a deployment.
import { useMutation } from 'urql'
import { CancelRedeploymentDocument, PromoteRevisionDocument, UpdateTrialDocument } from '../gql/graphql.ts'
import { report } from './actions.ts'
import { toMessage } from './client.ts'
import type { LiveChange } from './live.ts'

interface PendingRevision {
  number: number
  isOnTrial: boolean
}

/** Cancel, promote and share. Each shows a message about the outcome and resolves with true after success. */
export function useTrialActions(deploymentId: string, { number, isOnTrial }: PendingRevision) {
  const [{ fetching: isCanceling }, sendCancel] = useMutation(CancelRedeploymentDocument)
  const [{ fetching: isPromoting }, sendPromote] = useMutation(PromoteRevisionDocument)
  const [, sendTrial] = useMutation(UpdateTrialDocument)
  return {
    isBusy: isCanceling || isPromoting,
    async cancel() {
      const { data, error } = await sendCancel({ input: { deploymentId } })
      const done = isOnTrial ? `The trial of revision ${number} has ended.` : `Revision ${number} has been canceled.`
      return report(error && toMessage(error), data?.cancelRedeployment, done)
    },
    async promote() {
      const { data, error } = await sendPromote({ input: { deploymentId, revision: number } })
      return report(error && toMessage(error), data?.promoteRevision, `Revision ${number} serves all new sessions.`)
    },
    async shareCanary(percent: number) {
      const { data, error } = await sendTrial({ input: { deploymentId, canary: { percent } } })
      return report(error && toMessage(error), data?.updateTrial, `Revision ${number} serves ${percent} % of clients.`)
    },
    async shareShadow(percent: number) {
      const { data, error } = await sendTrial({ input: { deploymentId, shadow: { percent } } })
      return report(error && toMessage(error), data?.updateTrial, `Revision ${number} also recognizes ${percent} % of recordings.`)
    },
  }
}

/** True for changes after which the revisions of a deployment are different, progress aside. */
export const changesRevisions = ({ revision }: LiveChange) =>
  Boolean(revision && (revision.status !== 'PROVISIONING' || revision.previousStatus !== 'PROVISIONING'))
