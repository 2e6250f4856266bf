import { useMutation } from 'urql'
import {
  CancelDeploymentDocument,
  CancelModelDocument,
  DeleteDeploymentDocument,
  DeleteModelDocument,
  type DeploymentRowFragment,
  RestoreDeploymentDocument,
  ResumeDeploymentDocument,
  RetryDeploymentDocument,
  RetryModelDocument,
  SuspendDeploymentDocument,
} from '../gql/graphql.ts'
import { tell } from '../parts/news.tsx'
import { toMessage } from './client.ts'

/** Retry, cancel, suspend, resume and delete. Each shows a message about the outcome and resolves with true after success. */
export function useDeploymentActions({ id, name, locale }: Pick<DeploymentRowFragment, 'id' | 'name' | 'locale'>) {
  const [, sendRetry] = useMutation(RetryDeploymentDocument)
  const [, sendCancel] = useMutation(CancelDeploymentDocument)
  const [, sendSuspend] = useMutation(SuspendDeploymentDocument)
  const [, sendResume] = useMutation(ResumeDeploymentDocument)
  const [, sendDelete] = useMutation(DeleteDeploymentDocument)
  return {
    async retry() {
      const { data, error } = await sendRetry({ id })
      return report(error && toMessage(error), data?.retryDeployment, `“${name}” is being provisioned again.`)
    },
    async cancel() {
      const { data, error } = await sendCancel({ id })
      return report(error && toMessage(error), data?.cancelDeployment, `“${name}” has been canceled.`)
    },
    async suspend() {
      const { data, error } = await sendSuspend({ id })
      return report(error && toMessage(error), data?.suspendDeployment, `“${name}” has been suspended.`)
    },
    async resume() {
      const { data, error } = await sendResume({ id })
      return report(error && toMessage(error), data?.resumeDeployment, `“${name}” is being provisioned again.`)
    },
    async remove() {
      const { data, error } = await sendDelete({ id })
      const refusal = error && toMessage(error)
      const links =
        refusal || data?.deleteDeployment.__typename !== 'DeleteDeploymentSuccess' ? [] : [{ href: `/deleted?locale=${locale}`, text: 'Recently deleted' }]
      return report(refusal, data?.deleteDeployment, `“${name}” has been deleted.`, links)
    },
  }
}

/** Restores a deleted deployment, with a message about the outcome. */
export function useRestoration({ id, name }: Pick<DeploymentRowFragment, 'id' | 'name'>) {
  const [, sendRestore] = useMutation(RestoreDeploymentDocument)
  return async () => {
    const { data, error } = await sendRestore({ id })
    return report(error && toMessage(error), data?.restoreDeployment, `“${name}” has been restored and is being provisioned again.`)
  }
}

/** The same for a model. */
export function useModelActions({ id, name }: { id: string; name: string }) {
  const [, sendRetry] = useMutation(RetryModelDocument)
  const [, sendCancel] = useMutation(CancelModelDocument)
  const [, sendDelete] = useMutation(DeleteModelDocument)
  return {
    async retry() {
      const { data, error } = await sendRetry({ id })
      return report(error && toMessage(error), data?.retryModel, `“${name}” is being built again.`)
    },
    async cancel() {
      const { data, error } = await sendCancel({ id })
      return report(error && toMessage(error), data?.cancelModel, `“${name}” has been canceled.`)
    },
    async remove() {
      const { data, error } = await sendDelete({ id })
      const result = data?.deleteModel
      const deployments = result?.__typename === 'ModelInUseError' ? result.deployments : []
      const links = deployments.slice(0, maxLinks).map((each) => ({ href: `/deployments/${encodeURIComponent(each.id)}`, text: `Open “${each.name}”` }))
      return report(error && toMessage(error), result, `“${name}” has been deleted.`, links)
    },
  }
}

const maxLinks = 3

/** Shows the refusal, or `done`. Returns true after success. */
export function report(
  problem: string | undefined,
  result: { __typename?: string; message?: string } | undefined,
  done: string,
  links: { href: string; text: string }[] = [],
): boolean {
  const refusal = problem ?? result?.message
  tell(refusal ?? done, { isProblem: refusal !== undefined, links })
  return refusal === undefined
}
