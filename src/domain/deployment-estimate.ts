import { and, desc, isNotNull, sql } from 'drizzle-orm'
import type { LoadQueuePosition } from '../lifecycle/queue-position.ts'
import { type DeploymentRow, deployments } from '../postgres/deployment-tables.ts'
import type { Service } from './context.ts'
import { isTerminal } from './deployment-lifecycle.ts'

/** The estimated time of completion: half of the deployments are COMPLETE at p50, nine of ten at p90. */
export interface Estimate {
  p50: Date
  p90: Date
}

/** The durations of the newest completions in milliseconds, and the number of deployments that ran in parallel. */
interface Experience {
  p50: number
  p90: number
  parallel: number
}

/** The minimum number of completions for an estimate. */
const minCompletions = 5
const maxCompletions = 50
const rememberMs = 1000
/** The minimum distance of an estimate from now, so that it is still ahead when the client reads it. */
const minAheadMs = 1000

const learned = new WeakMap<Service['store'], { at: number; experience: Promise<Experience | null> }>()

/**
 * Estimates from the newest completions of this server and the queue position. Null when there are too few
 * completions, when the deployment is terminal, and when it has already taken longer than nine of ten deployments.
 */
export async function estimateCompletion({ store }: Service, deployment: DeploymentRow, loadPosition: LoadQueuePosition): Promise<Estimate | null> {
  if (isTerminal(deployment.status)) return null
  const experience = await learn(store)
  if (!experience) return null
  const now = store.now()
  return deployment.status === 'QUEUED' ? estimateQueued(experience, await loadPosition(deployment.id), now) : estimateRunning(experience, deployment, now)
}

/** The deployment starts after those before it in the queue, of which `parallel` run at a time. */
function estimateQueued({ p50, p90, parallel }: Experience, before: number, now: number): Estimate {
  const freed = (before + 1) / parallel
  const at = (ms: number) => new Date(now + Math.max(minAheadMs, freed * ms + ms))
  return { p50: at(p50), p90: at(p90) }
}

function estimateRunning({ p50, p90 }: Experience, { startedAt }: DeploymentRow, now: number): Estimate | null {
  const began = startedAt?.getTime() ?? now
  const left = began + p90 - now
  if (left < minAheadMs) return null
  // The median of the deployments that take at least as long as this one has.
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

async function readExperience({ longDb: db }: Service['store']): Promise<Experience | null> {
  // A literal, since a plan for any status could not use the partial index.
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
      .limit(maxCompletions),
  )
  const atOnce = sql<number>`(select count(*) from ${newest} as other where other.started_at <= ${newest.startedAt} and other.completed_at > ${newest.startedAt})`
  const atWork = sql<number>`(select count(*) from ${deployments} where ${deployments.status} = 'PROVISIONING')`
  const at = (share: number) => sql<number>`(percentile_cont(${share}::float8) within group (order by ${newest.ms}))::float8`
  const [found] = await db
    .with(newest)
    .select({ count: sql<number>`count(*)::int`, p50: at(0.5), p90: at(0.9), parallel: sql<number>`greatest(1, max(${atOnce}), ${atWork})::int` })
    .from(newest)
  return found && found.count >= minCompletions ? found : null
}
