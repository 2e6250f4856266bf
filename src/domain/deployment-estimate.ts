import { and, desc, isNotNull, sql } from 'drizzle-orm'
import type { LoadQueuePosition } from '../lifecycle/queue-position.ts'
import { type DeploymentRow, deployments } from '../postgres/deployment-tables.ts'
import type { Service } from './context.ts'
import { isTerminal } from './deployment-lifecycle.ts'

/** When a deployment will probably be complete: half of them are by p50, nine of ten by p90. */
export interface Estimate {
  p50: Date
  p90: Date
}

/** What this server's newest completions took, in milliseconds, and how many were worked on at a time. */
interface Experience {
  p50: number
  p90: number
  parallel: number
}

/** Fewer finished deployments than this are no experience. */
const enough = 5
const considered = 50
const rememberMs = 1000
/** An estimate lies at least so far ahead, so that it has not passed before it is read. */
const soonMs = 1000

const learned = new WeakMap<Service['store'], { at: number; experience: Promise<Experience | null> }>()

/**
 * From this server's own newest completions and the queue; null when there are too few, when there is nothing to
 * wait for, and for one that takes longer than nine of ten did: then experience says nothing more.
 */
export async function estimateCompletion({ store }: Service, deployment: DeploymentRow, loadPosition: LoadQueuePosition): Promise<Estimate | null> {
  if (isTerminal(deployment.status)) return null
  const experience = await learn(store)
  if (!experience) return null
  return deployment.status === 'QUEUED' ? estimateQueued(experience, await loadPosition(deployment.id)) : estimateRunning(experience, deployment)
}

/** Workers are freed one after the other; the deployment takes its time once those before it have theirs. */
function estimateQueued({ p50, p90, parallel }: Experience, before: number): Estimate {
  const freed = (before + 1) / parallel
  const at = (ms: number) => new Date(Date.now() + Math.max(soonMs, freed * ms + ms))
  return { p50: at(p50), p90: at(p90) }
}

function estimateRunning({ p50, p90 }: Experience, { startedAt }: DeploymentRow): Estimate | null {
  const now = Date.now()
  const began = startedAt?.getTime() ?? now
  const left = began + p90 - now
  if (left < soonMs) return null
  // Half of those that have come this far without completing.
  return { p50: new Date(Math.max(began + p50, now + left / 2)), p90: new Date(began + p90) }
}

function learn(store: Service['store']): Promise<Experience | null> {
  const known = learned.get(store)
  if (known && Date.now() - known.at < rememberMs) return known.experience
  const experience = readExperience(store)
  learned.set(store, { at: Date.now(), experience })
  experience.catch(() => learned.delete(store))
  return experience
}

async function readExperience({ db }: Service['store']): Promise<Experience | null> {
  // Written out, since a plan for any status could not use the partial index.
  const isComplete = and(sql`${deployments.status} = 'COMPLETE'`, isNotNull(deployments.completedAt), isNotNull(deployments.startedAt))
  const newest = db.$with('newest').as(
    db
      .select({
        startedAt: deployments.startedAt,
        completedAt: deployments.completedAt,
        ms: sql<number>`extract(epoch from ${deployments.completedAt} - ${deployments.startedAt}) * 1000`.as('ms'),
      })
      .from(deployments)
      .where(isComplete)
      .orderBy(desc(deployments.completedAt))
      .limit(considered),
  )
  const atOnce = sql<number>`(select count(*) from ${newest} as other where other.started_at <= ${newest.startedAt} and other.completed_at > ${newest.startedAt})`
  const atWork = sql<number>`(select count(*) from ${deployments} where ${deployments.status} = 'PROVISIONING')`
  const at = (share: number) => sql<number>`(percentile_cont(${share}::float8) within group (order by ${newest.ms}))::float8`
  const [found] = await db
    .with(newest)
    .select({ count: sql<number>`count(*)::int`, p50: at(0.5), p90: at(0.9), parallel: sql<number>`greatest(1, max(${atOnce}), ${atWork})::int` })
    .from(newest)
  return found && found.count >= enough ? found : null
}
