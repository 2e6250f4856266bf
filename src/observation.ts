// What a process tells its operators: metrics, and lines of the log for requests and changes of status.
import type { Config } from './config.ts'
import type { Measures } from './domain/context.ts'
import type { HttpServer, RequestObserver } from './http/listen.ts'
import { addConnectionMetrics, createRequestMetrics } from './http/metrics.ts'
import { watchStatusChanges } from './lifecycle/status-changes.ts'
import type { Log } from './log.ts'
import { Metrics } from './metrics/metrics.ts'
import { openProcessMetrics } from './metrics/process-metrics.ts'
import { addDatabaseMetrics, addPoolMetrics } from './metrics/store-metrics.ts'
import { createMeasures, createStatusCount } from './metrics/work-metrics.ts'
import type { Store } from './postgres/store.ts'
import type { Recognizers } from './recognition/recognizers-port.ts'
import { addRecognizerMetrics } from './speech/speech-metrics.ts'

const probes = new Set(['/health', '/ready', '/metrics'])

export interface Observation {
  metrics: Metrics
  measures: Measures
  requests: RequestObserver
  /** Adds the parts that open after the port. */
  watch(parts: { http: HttpServer; store: Store; recognizers: Recognizers }): void
  close(): Promise<void>
}

export function openObservation({ roles }: Pick<Config, 'roles'>, log: Log): Observation {
  const metrics = new Metrics()
  const ofProcess = openProcessMetrics(metrics, roles)
  const countRequest = createRequestMetrics(metrics)
  const countStatus = createStatusCount(metrics)
  return {
    metrics,
    measures: createMeasures(metrics),
    requests: {
      answered(request) {
        countRequest(request)
        const { id, route, method, status, ms, keyId } = request
        // Probes ask every few seconds.
        const level = probes.has(route) && status === 200 ? 'debug' : 'info'
        log[level]({ id, route, method, status, ms: Math.round(ms), keyId }, 'request')
      },
      failed: (error, id) => log.error({ id, error }, 'a request failed'),
    },
    watch({ http, store, recognizers }) {
      addConnectionMetrics(metrics, http)
      addPoolMetrics(metrics, store)
      // Every process would answer the same; those with the role speech can be many.
      if (roles.has('api') || roles.has('jobs')) addDatabaseMetrics(metrics, store)
      if (roles.has('jobs') || roles.has('speech')) addRecognizerMetrics(metrics, recognizers)
      watchStatusChanges(store.db, (change) => {
        countStatus(change)
        const { kind, id, workspaceId, status, previousStatus, code } = change
        log.info({ [kind === 'model' ? 'modelId' : 'deploymentId']: id, workspaceId, status, previousStatus, code }, `${kind} ${status}`)
      })
    },
    close: ofProcess.close,
  }
}
