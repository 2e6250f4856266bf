import type { HttpServer, Route } from './listen.ts'

type MetricValues = readonly (readonly [labels: string, value: number])[]

/** The values of a metric without labels. */
export const singleValue = (value: number): MetricValues => [['', value]]

/** One metric in Prometheus' text format. */
export function writeMetric(name: string, type: 'counter' | 'gauge', help: string, values: MetricValues): string {
  const full = `custom_speech_${name}`
  return [`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, ...values.map(([labels, value]) => `${full}${labels} ${value}`), ''].join('\n')
}

/** The metrics of the HTTP server and of the process, without those of the data plane. */
export function writeHttpMetrics({ unread, strangers }: Pick<HttpServer, 'unread' | 'strangers'>): string {
  const cut = { ...unread.cut, stranger: strangers.cut }
  return [
    writeMetric('http_connections', 'gauge', 'Open connections, including WebSockets.', singleValue(unread.connections)),
    writeMetric('http_strangers', 'gauge', 'Open connections that have not sent a valid key.', singleValue(strangers.count)),
    writeMetric('http_unread_bytes', 'gauge', 'Bytes of responses that clients have not read yet.', singleValue(unread.bytes)),
    writeMetric(
      'http_connections_cut_total',
      'counter',
      'Connections cut because the client did not read in time (time), left too many bytes unread (bytes), was the slowest reader while all clients left too many bytes unread (sum), or was the oldest one without a valid key (stranger).',
      Object.entries(cut).map(([reason, count]) => [`{reason="${reason}"}`, count] as const),
    ),
    writeMetric('process_heap_bytes', 'gauge', 'JavaScript heap in use in this process.', singleValue(process.memoryUsage().heapUsed)),
    writeMetric('process_resident_memory_bytes', 'gauge', 'Memory of this process.', singleValue(process.memoryUsage.rss())),
  ].join('')
}

export const metricsRoute = (sections: readonly (() => string)[]): Route => ({
  matches: (path) => path === '/metrics',
  handle: (_, response) =>
    void response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(sections.map((write) => write()).join('')),
})
