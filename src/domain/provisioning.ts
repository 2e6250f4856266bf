import { eq, sql } from 'drizzle-orm'
import { type DeploymentRow, deployments, type Stage } from '../postgres/tables.ts'
import type { Service } from './context.ts'
import type { ProvisioningPayload } from './jobs.ts'
import { enqueueProvisioning, removeProvisioning } from './queue-place.ts'
import { type Claim, deploymentLifecycle, isTerminal, recordChange } from './status.ts'
import { changeWorkspace } from './turnstile.ts'

/** A passing failure is tried again this often, each time after twice the pause, in seconds. */
const mostTries = 5
const firstPause = 1

/**
 * Takes the deployment into one worker's hands; whoever held it before changes nothing from then on.
 * Answers undefined when nobody wants it provisioned any more.
 */
export function claimDeployment({ store }: Service, payload: ProvisioningPayload): Promise<(Claim & { run: number }) | undefined> {
  const { deploymentId, workspaceId, attempt } = payload
  return changeWorkspace(store.db, workspaceId, async (tx) => {
    const row = await deploymentLifecycle.findClaimed(tx, payload)
    if (!row || isTerminal(row.status)) return undefined
    const run = row.run + 1
    await tx.update(deployments).set({ run }).where(eq(deployments.id, deploymentId))
    return { deploymentId, workspaceId, attempt, run }
  })
}

/** True while the claim is the newest and the deployment still to be provisioned. */
export async function holdsClaim({ store }: Service, { deploymentId, attempt, run }: Claim): Promise<boolean> {
  const [row] = await store.db.select().from(deployments).where(eq(deployments.id, deploymentId))
  return row?.attempt === attempt && row.run === run && !isTerminal(row.status)
}

/** What went wrong in a stage, in words for whoever made the deployment. */
interface Problem {
  stage: Stage
  code: string
  message: string
}

/** Ends the deployment for good, until somebody tries it again. */
export function failDeployment(service: Service, claim: Claim, failure: Problem): Promise<DeploymentRow | undefined> {
  const change = { status: 'FAILED', message: failure.message, failure } as const
  // Its job goes with it, wherever it is.
  return recordChange(service.store.db, claim, change, (tx, row) => removeProvisioning(tx, service, row))
}

/** Tries again after a pause when the failure may pass and tries are left; else ends the deployment. */
export async function failTry(service: Service, claim: Claim, failedBefore: number, { stage, code, message }: Problem): Promise<void> {
  const failedTries = failedBefore + 1
  if (failedTries >= mostTries) {
    await failDeployment(service, claim, { stage, code, message })
    return
  }
  const pause = firstPause * 2 ** failedBefore
  const told = `Try ${failedTries} of ${mostTries} failed, the next is in ${pause} s. ${message}`
  await recordChange(service.store.db, claim, { status: 'PROVISIONING', stage, message: told }, async (tx, row) => {
    await tx.update(deployments).set({ failedTries }).where(eq(deployments.id, row.id))
    await enqueueProvisioning(tx, service, { ...row, failedTries }, pause)
  })
}

/** The deployments that wait or are worked on, for those who watch over them. */
export const unfinished = sql`${deployments.status} in ('QUEUED', 'PROVISIONING')`
