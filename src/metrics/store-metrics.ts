import { setTimeout as delay } from 'node:timers/promises'
import { allJobs } from '../lifecycle/job-definitions.ts'
import { readDeploymentTotals, readModelTotals, type StatusTotal } from '../lifecycle/status-totals.ts'
import { readQueueFigures } from '../postgres/queue-figures.ts'
import type { Store } from '../postgres/store.ts'
import type { Metrics } from './metrics.ts'

/** Figures of the whole database are read at most this often. */
const cachedMs = 10_000
/** A scrape waits this long for Postgres; then it has no figures of the database. */
const limitMs = 2_000

/** The connections of this process to Postgres. */
export function addPoolMetrics(metrics: Metrics, store: Store): void {
  const pools = () => Object.entries(store.connections())
  metrics.gauge('custom_speech_postgres_connections', 'Connections to Postgres of this process by pool: open, of which used.', ['pool', 'state'], () =>
    pools().flatMap(([pool, { open, used }]) => [[{ pool, state: 'open' }, open] as const, [{ pool, state: 'used' }, used] as const]),
  )
  metrics.gauge('custom_speech_postgres_connections_limit', 'The most connections to Postgres of this process by pool.', ['pool'], () =>
    pools().map(([pool, { most }]) => [{ pool }, most]),
  )
  metrics.gauge(
    'custom_speech_postgres_connections_awaited',
    'Statements and transactions of this process that wait for a connection, by pool.',
    ['pool'],
    () => pools().map(([pool, { waiting }]) => [{ pool }, waiting]),
  )
}

/** The figures of the whole database: each process with these metrics has the same. They can take long in a large one. */
export function addDatabaseMetrics(metrics: Metrics, { longDb }: Pick<Store, 'longDb'>): void {
  const byStatus = (totals: readonly StatusTotal[] = []) => totals.map(({ status, count }) => [{ status }, count] as const)
  const deployments = cached(() => readDeploymentTotals(longDb))
  const models = cached(() => readModelTotals(longDb))
  const names = allJobs.map(({ name }) => name)
  const queues = cached(() => readQueueFigures(longDb, names))
  metrics.gauge('custom_speech_deployments', 'Deployments of the installation by status.', ['status'], async () => byStatus(await deployments()))
  metrics.gauge('custom_speech_models', 'Custom models of the installation by status.', ['status'], async () => byStatus(await models()))
  metrics.gauge('custom_speech_queue_jobs', 'Jobs of the installation: waiting, or running in any process.', ['job', 'state'], async () =>
    ((await queues()) ?? []).flatMap(({ name: job, waiting, running }) => [
      [{ job, state: 'waiting' }, waiting] as const,
      [{ job, state: 'running' }, running] as const,
    ]),
  )
  metrics.gauge('custom_speech_queue_oldest_job_seconds', 'How long the oldest job that could begin has waited; 0 without one.', ['job'], async () =>
    ((await queues()) ?? []).map(({ name: job, oldestSeconds }) => [{ job }, oldestSeconds] as const),
  )
}

/** The last result for a while; undefined when there is none in time. */
function cached<T>(read: () => Promise<T>): () => Promise<T | undefined> {
  let latest: Promise<T | undefined> | undefined
  let begun = Number.NEGATIVE_INFINITY
  return () => {
    const now = performance.now()
    if (!latest || now - begun >= cachedMs) {
      begun = now
      latest = read().catch(() => {
        begun = Number.NEGATIVE_INFINITY
        return undefined
      })
    }
    return Promise.race([latest, delay(limitMs, undefined, { ref: false })])
  }
}
