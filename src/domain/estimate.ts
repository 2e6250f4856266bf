import { and, desc, eq, isNotNull, sql } from 'drizzle-orm'
import { type DeploymentRow, deployments } from '../postgres/deployment-tables.ts'
import type { Service } from './context.ts'
import { isTerminal } from './status.ts'

/** When a deployment will probably be complete: half of them are by p50, nine of ten by p90. */
export interface Estimate {
  p50: Date
  p90: Date
}

interface Durations {
  p50: number
  p90: number
}

/** Fewer finished deployments than this are no experience. */
const enough = 5
const considered = 50
const rememberMs = 5000

const learned = new WeakMap<Service['store'], { at: number; durations: Promise<Durations | null> }>()

/** From this server's own newest completions; null when there are too few, or nothing to wait for. */
export async function estimateCompletion({ store }: Service, deployment: DeploymentRow): Promise<Estimate | null> {
  if (isTerminal(deployment.status)) return null
  const durations = await learn(store)
  if (!durations) return null
  const began = deployment.startedAt?.getTime() ?? Date.now()
  return { p50: new Date(began + durations.p50), p90: new Date(began + durations.p90) }
}

function learn(store: Service['store']): Promise<Durations | null> {
  const known = learned.get(store)
  if (known && Date.now() - known.at < rememberMs) return known.durations
  const durations = readDurations(store)
  learned.set(store, { at: Date.now(), durations })
  durations.catch(() => learned.delete(store))
  return durations
}

async function readDurations({ db }: Service['store']): Promise<Durations | null> {
  const newest = db
    .select({ ms: sql<number>`extract(epoch from ${deployments.completedAt} - ${deployments.startedAt}) * 1000`.as('ms') })
    .from(deployments)
    .where(and(eq(deployments.status, 'COMPLETE'), isNotNull(deployments.completedAt), isNotNull(deployments.startedAt)))
    .orderBy(desc(deployments.completedAt))
    .limit(considered)
    .as('newest')
  const at = (share: number) => sql<number>`(percentile_cont(${share}::float8) within group (order by ${newest.ms}))::float8`
  const [found] = await db.select({ count: sql<number>`count(*)::int`, p50: at(0.5), p90: at(0.9) }).from(newest)
  return found && found.count >= enough ? found : null
}
