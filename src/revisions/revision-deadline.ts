import type { Service } from '../domain/context.ts'
import { enforceProvisioning, gateSeconds } from '../domain/deployment-deadline.ts'
import { revisionQueue } from '../lifecycle/queue-position.ts'
import { revising, revisionLifecycle } from './revision-lifecycle.ts'

interface Claimed {
  id: string
  workspaceId: string
  attempt: number
  run: number
  sequence: number
}

const toClaim = ({ id: revisionId, workspaceId, attempt, run, sequence }: Claimed) => ({ revisionId, workspaceId, attempt, run, sequence })

/** Enforces the time limits of provisioning on pending revisions. The deployment serves as before. */
export const enforceRevisionDeadlines = (service: Service): Promise<void> =>
  enforceProvisioning(service, {
    queue: revisionQueue,
    fail: (row, failure) => revising.fail(service, toClaim(row), failure),
    notice: (row, change) => revisionLifecycle.recordChange(service.store.db, toClaim(row), { status: 'PROVISIONING', ...change }),
    moreSeconds: ({ gate }) => (gate ? gateSeconds : 0),
    words: { subject: 'revision', nextStep: 'Redeploy the deployment.' },
  })
