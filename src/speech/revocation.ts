import type { Service } from '../domain/context.ts'
import { deploymentTopic } from '../domain/deployment-lifecycle.ts'
import { findServedDeployment } from '../domain/endpoint.ts'
import { ProblemError } from '../http/problem.ts'
import { type AuthorizedCaller, deleted, explainStatus } from './authorization.ts'

/** The pause before a deployment's status is queried again after Postgres has failed to answer. */
const retryMs = 1_000

type OnRevoked = (problem: ProblemError) => void

/** Ends sessions and requests when their key or deployment loses access. */
export interface Revocation {
  /** Calls `end` with the reason when access is lost. Returns a function that stops the watch. */
  watch(admitted: AuthorizedCaller, end: OnRevoked): () => void
}

/** Uses one subscription and, when notified, one query for each deployment, for all of its sessions. */
export function createRevocation(service: Service): Revocation {
  const guarded = new Map<string, Map<OnRevoked, AuthorizedCaller>>()

  /** Notifications during a check cause one further check. */
  const running = new Map<string, { again: boolean }>()
  const check = async (deploymentId: string) => {
    const present = running.get(deploymentId)
    if (present) {
      present.again = true
      return
    }
    const run = { again: true }
    running.set(deploymentId, run)
    try {
      while (run.again) {
        run.again = false
        await checkOnce(deploymentId)
      }
    } finally {
      running.delete(deploymentId)
    }
  }

  const checkOnce = async (deploymentId: string) => {
    const sessions = guarded.get(deploymentId)
    const any = sessions?.values().next().value
    if (!sessions || !any) return
    // While Postgres is unavailable, sessions stay open.
    const served = await findServedDeployment(service, any.served.deployment.workspaceId, deploymentId).catch(() => 'unknown' as const)
    if (served === 'unknown') return retry(deploymentId)
    for (const [end, { caller }] of [...sessions]) {
      const problem = served ? explainStatus(served, caller) : deleted()
      if (problem) end(problem)
    }
  }

  const retrying = new Set<string>()
  const retry = (deploymentId: string) => {
    if (retrying.has(deploymentId)) return
    retrying.add(deploymentId)
    setTimeout(() => {
      retrying.delete(deploymentId)
      void check(deploymentId)
    }, retryMs).unref()
  }

  const watchDeployment = (admitted: AuthorizedCaller, end: OnRevoked) => {
    const { id } = admitted.served.deployment
    const sessions = guarded.get(id) ?? new Map<OnRevoked, AuthorizedCaller>()
    const unwatch = sessions.size ? undefined : service.store.events.watch(deploymentTopic(id), () => void check(id))
    if (unwatch) unwatchers.set(id, unwatch)
    guarded.set(id, sessions.set(end, admitted))
    // The deployment can have been deleted between the authorization and the subscription.
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
