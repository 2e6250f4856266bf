import type { Service } from '../domain/context.ts'
import { deploymentTopic } from '../domain/deployment-lifecycle.ts'
import { findServedDeployment } from '../domain/endpoint.ts'
import { ProblemError } from '../http/problem.ts'
import { type AuthorizedCaller, deleted, explainStatus } from './authorization.ts'

/** While Postgres does not say how a deployment is, it is asked so often. */
const retryMs = 1_000

type OnRevoked = (problem: ProblemError) => void

/** Ends what is open when the key or the deployment that it was opened with is gone. */
export interface Revocation {
  /** Calls `end` with the reason. Returns the way to stop. */
  watch(admitted: AuthorizedCaller, end: OnRevoked): () => void
}

/** One watcher and, when it is rung, one query for each deployment, however many sessions it has. */
export function createRevocation(service: Service): Revocation {
  const guarded = new Map<string, Map<OnRevoked, AuthorizedCaller>>()

  /** Rings that come while a question is on its way are answered by one more. */
  const asking = new Map<string, { again: boolean }>()
  const check = async (deploymentId: string) => {
    const asked = asking.get(deploymentId)
    if (asked) {
      asked.again = true
      return
    }
    const question = { again: true }
    asking.set(deploymentId, question)
    try {
      while (question.again) {
        question.again = false
        await ask(deploymentId)
      }
    } finally {
      asking.delete(deploymentId)
    }
  }

  const ask = async (deploymentId: string) => {
    const sessions = guarded.get(deploymentId)
    const any = sessions?.values().next().value
    if (!sessions || !any) return
    // While Postgres is away nobody knows; what is open stays open.
    const served = await findServedDeployment(service, any.served.deployment.workspaceId, deploymentId).catch(() => 'unknown' as const)
    if (served === 'unknown') return askAgain(deploymentId)
    for (const [end, { caller }] of [...sessions]) {
      const problem = served ? explainStatus(served, caller) : deleted()
      if (problem) end(problem)
    }
  }

  const unsure = new Set<string>()
  const askAgain = (deploymentId: string) => {
    if (unsure.has(deploymentId)) return
    unsure.add(deploymentId)
    setTimeout(() => {
      unsure.delete(deploymentId)
      void check(deploymentId)
    }, retryMs).unref()
  }

  const watchDeployment = (admitted: AuthorizedCaller, end: OnRevoked) => {
    const { id } = admitted.served.deployment
    const sessions = guarded.get(id) ?? new Map<OnRevoked, AuthorizedCaller>()
    const unwatch = sessions.size ? undefined : service.store.events.watch(deploymentTopic(id), () => void check(id))
    if (unwatch) unwatchers.set(id, unwatch)
    guarded.set(id, sessions.set(end, admitted))
    // It may have been deleted between being let in and waiting here.
    void check(id)
    return () => {
      sessions.delete(end)
      if (sessions.size) return
      guarded.delete(id)
      unwatchers.get(id)?.()
      unwatchers.delete(id)
    }
  }
  const unwatchers = new Map<string, () => void>()

  return {
    watch(admitted, end) {
      const { viewer } = admitted.caller
      const unwatch = watchDeployment(admitted, end)
      const forget =
        viewer && service.keyring.onEnd(viewer, () => end(new ProblemError(401, 'KEY_REVOKED', 'The key has been revoked or has expired. Use another one.')))
      return () => {
        unwatch()
        forget?.()
      }
    },
  }
}
