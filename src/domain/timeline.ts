import { Repeater } from '@repeaterjs/repeater'
import { and, asc, eq, gt } from 'drizzle-orm'
import { type DeploymentEventRow, deploymentEvents } from '../postgres/tables.ts'
import type { Context } from './context.ts'
import { findDeployment } from './deployment.ts'
import { DeploymentNotFoundError, type ExpectedError, InvalidCursorError } from './errors.ts'
import { deploymentTopic, isTerminal } from './status.ts'

/** The opaque form of an event's number: where a watcher that lost its connection goes on. */
export const encodeEventCursor = (sequence: number) => Buffer.from(`event:${sequence}`).toString('base64url')

function decodeEventCursor(cursor: string): number | undefined {
  const sequence = /^event:(\d{1,9})$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1]
  return sequence === undefined ? undefined : Number(sequence)
}

/**
 * A deployment's events: the newest one first, then each later one in order, none twice, none missing,
 * until the terminal one. With a cursor, everything after it instead. The log is read after each ring,
 * so a lost notice delays an event but cannot lose it.
 */
export async function watchDeployment(
  ctx: Context,
  deploymentId: string,
  after: string | null | undefined,
): Promise<AsyncIterable<DeploymentEventRow> | ExpectedError> {
  const resumed = after == null ? null : decodeEventCursor(after)
  if (resumed === undefined) return new InvalidCursorError()
  const deployment = await findDeployment(ctx, deploymentId)
  if (!deployment) return new DeploymentNotFoundError()

  return new Repeater(async (push, stop) => {
    let rung = true
    let wake = () => {}
    let stopped = false
    const unwatch = ctx.store.events.watch(deploymentTopic(deploymentId), () => {
      rung = true
      wake()
    })
    stop.finally(() => {
      stopped = true
      wake()
    })
    try {
      let last = resumed ?? deployment.sequence - 1
      while (!stopped) {
        rung = false
        const events = await readEvents(ctx, deploymentId, last)
        for (const event of events) {
          if (stopped) return
          // Waits until the consumer has taken it, so a slow one holds one batch and no more.
          await push(event)
          last = event.sequence
          // One that was tried again goes on after a terminal event.
          if (isTerminal(event.status) && event === events.at(-1)) return stop()
        }
        if (!events.length && !(await isStillLive(ctx, deploymentId, last))) return stop()
        if (!rung && !stopped) await new Promise<void>((resolve) => (wake = resolve))
      }
    } finally {
      unwatch()
    }
  })
}

function readEvents(ctx: Context, deploymentId: string, after: number): Promise<DeploymentEventRow[]> {
  return ctx.store.db
    .select()
    .from(deploymentEvents)
    .where(and(eq(deploymentEvents.deploymentId, deploymentId), gt(deploymentEvents.sequence, after)))
    .orderBy(asc(deploymentEvents.sequence))
    .limit(500)
}

/** False when no event can follow: the deployment is gone, or the cursor already stands at its end. */
async function isStillLive(ctx: Context, deploymentId: string, last: number): Promise<boolean> {
  const deployment = await findDeployment(ctx, deploymentId)
  return deployment !== null && !(isTerminal(deployment.status) && deployment.sequence <= last)
}
