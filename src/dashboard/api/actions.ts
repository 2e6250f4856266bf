import { useMutation } from 'urql'
import {
  CancelDeploymentDocument,
  CancelModelDocument,
  DeleteDeploymentDocument,
  DeleteModelDocument,
  type DeploymentRowFragment,
  RetryDeploymentDocument,
  RetryModelDocument,
} from '../gql/graphql.ts'
import { tell } from '../parts/news.tsx'
import { toMessage } from './client.ts'

/** Retry, cancel and delete. Each shows a message about the outcome and resolves with true after success. */
export function useDeploymentActions({ id, name }: Pick<DeploymentRowFragment, 'id' | 'name'>) {
  const [, sendRetry] = useMutation(RetryDeploymentDocument)
  const [, sendCancel] = useMutation(CancelDeploymentDocument)
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
    async remove() {
      const { data, error } = await sendDelete({ id })
      return report(error && toMessage(error), data?.deleteDeployment, `“${name}” has been deleted.`)
    },
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

function report(
  problem: string | undefined,
  result: { __typename?: string; message?: string } | undefined,
  done: string,
  links: { href: string; text: string }[] = [],
): boolean {
  const refusal = problem ?? result?.message
  tell(refusal ?? done, { isProblem: refusal !== undefined, links })
  return refusal === undefined
}
