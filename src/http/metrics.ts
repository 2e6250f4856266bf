import type { Metrics } from '../metrics/metrics.ts'
import type { HttpServer, Route } from './listen.ts'
import type { Readiness } from './readiness.ts'
import type { AnsweredRequest } from './request-record.ts'

const latencyBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Counts and times requests. Streams of events have no latency. */
export function createRequestMetrics(metrics: Metrics): (request: AnsweredRequest) => void {
  const count = metrics.counter(
    'custom_speech_http_requests_total',
    'HTTP requests by route and status: 101 for opened WebSockets, 499 for clients that left before the answer.',
    ['route', 'method', 'status'],
  )
  const observe = metrics.histogram(
    'custom_speech_http_request_duration_seconds',
    'Time from a request to the end of its answer, without WebSockets and event streams.',
    ['route'],
    latencyBuckets,
  )
  return ({ route, method, status, ms, kind }) => {
    count({ route, method, status })
    if (kind === 'answer') observe({ route }, ms / 1000)
  }
}

/** The metrics of the connections. */
export function addConnectionMetrics(metrics: Metrics, { unread, strangers }: Pick<HttpServer, 'unread' | 'strangers'>): void {
  metrics.gauge('custom_speech_http_connections', 'Open connections, including WebSockets.', [], () => unread.connections)
  metrics.gauge('custom_speech_http_strangers', 'Open connections that have not sent a valid key.', [], () => strangers.count)
  metrics.gauge('custom_speech_http_unread_bytes', 'Bytes of responses that clients have not read yet.', [], () => unread.bytes)
  metrics.total(
    'custom_speech_http_connections_cut_total',
    'Connections cut because the client did not read in time (time), left too many bytes unread (bytes), was the slowest reader while all clients left too many bytes unread (sum), or was the oldest one without a valid key (stranger).',
    ['reason'],
    () => Object.entries({ ...unread.cut, stranger: strangers.cut }).map(([reason, count]) => [{ reason }, count] as const),
  )
}

/** What `/ready` answers. */
export function addReadinessMetrics(metrics: Metrics, readiness: Readiness): void {
  metrics.gauge('custom_speech_ready', 'Whether the process can serve, by the part that it needs: 1 or 0.', ['part'], async () =>
    Object.entries(await readiness.check()).map(([part, isReady]) => [{ part }, Number(isReady)] as const),
  )
}

export const metricsRoute = (metrics: Metrics): Route => ({
  name: '/metrics',
  matches: (path) => path === '/metrics',
  async handle(_, response) {
    const text = await metrics.write()
    response.writeHead(200, { 'content-type': metrics.contentType }).end(text)
  },
})
