import { version } from '../version.ts'
import type { Metrics } from './metrics.ts'

/** The interval at which the delay of the event loop is measured. */
const intervalMs = 100
const delayBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** The metrics of the process: what it runs, its memory, its processor time, the delay of its event loop. */
export function openProcessMetrics(metrics: Metrics, roles: ReadonlySet<string>): { close(): Promise<void> } {
  const build = { version, node: process.versions.node, roles: [...roles].join(',') }
  metrics.gauge('custom_speech_build_info', 'The version, the version of Node and the roles of this process; always 1.', Object.keys(build), () => [[build, 1]])
  const started = Math.round(Date.now() / 1000 - process.uptime())
  metrics.gauge('process_start_time_seconds', 'Start of the process, in seconds since 1970.', [], () => started)
  metrics.total('process_cpu_seconds_total', 'Processor time of this process, without its child processes.', [], () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  metrics.gauge('custom_speech_process_heap_bytes', 'JavaScript heap in use in this process.', [], () => process.memoryUsage().heapUsed)
  metrics.gauge('custom_speech_process_resident_memory_bytes', 'Memory of this process.', [], () => process.memoryUsage.rss())

  const observe = metrics.histogram(
    'custom_speech_event_loop_delay_seconds',
    'How late timers of the event loop ran, measured ten times a second.',
    [],
    delayBuckets,
  )
  let due = performance.now() + intervalMs
  const timer = setInterval(() => {
    const now = performance.now()
    observe({}, Math.max(0, now - due) / 1000)
    due = now + intervalMs
  }, intervalMs).unref()
  return { close: async () => clearInterval(timer) }
}
