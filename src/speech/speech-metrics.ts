import type { Metrics } from '../metrics/metrics.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'
import type { DataPlane } from './data-plane.ts'
import type { SpeechSockets } from './websocket-server.ts'

/** The metrics of the data plane. Labels do not identify workspaces, keys or deployments. */
export function addSpeechMetrics(metrics: Metrics, { figures, sessionLimits }: DataPlane, sockets: SpeechSockets): void {
  metrics.gauge('custom_speech_sockets', 'Open WebSockets of speech clients, including those between two turns.', [], () => sockets.open)
  metrics.gauge('custom_speech_sessions', 'Streams and recordings that hold a slot.', [], () => sessionLimits.taken)
  metrics.total('custom_speech_audio_seconds_total', 'Seconds of audio received.', [], () => figures.audioSeconds)
  metrics.total('custom_speech_phrases_total', 'Phrases recognized.', [], () => figures.phrases)
  metrics.total('custom_speech_problems_total', 'Refusals, failures and cut connections by code.', ['code'], () =>
    [...figures.problems].map(([code, count]) => [{ code }, count] as const),
  )
}

/** The metrics of the recognizers, which are 0 while a process without the role `speech` has none open. */
export function addRecognizerMetrics(metrics: Metrics, recognizers: Recognizers): void {
  const usage = () => recognizers.usage()
  metrics.gauge('custom_speech_recognizer_streams', 'Streams that hold recognizer capacity.', [], () => usage().streams)
  metrics.gauge('custom_speech_recognizer_streams_most', 'The maximum number of streams of the usual cost.', [], () => usage().maxStreams)
  metrics.gauge('custom_speech_recognizer_streams_waiting', 'Streams and recordings that wait for recognizer capacity.', [], () => usage().streamsWaiting)
  metrics.gauge('custom_speech_recognizer_load', 'The share of the recognizer capacity in use.', [], () => usage().load)
  metrics.gauge('custom_speech_recognizer_queue', 'Phrases and recordings that wait for a worker.', [], () => usage().waiting)
  metrics.gauge('custom_speech_recognizer_workers', 'Recognizer processes.', ['state'], () => {
    const { running, busy } = usage().workers
    return [
      [{ state: 'running' }, running],
      [{ state: 'busy' }, busy],
    ]
  })
  metrics.total('custom_speech_recognizer_workers_ended_total', 'Recognizer processes that ended unexpectedly.', [], () => usage().workers.ended)
  metrics.total(
    'custom_speech_recognizer_model_strikes_total',
    'Times that a custom acoustic model blocked or ended a recognizer.',
    [],
    () => usage().suspects.strikes,
  )
  metrics.gauge(
    'custom_speech_recognizer_deployments_suspected',
    'Deployments whose custom acoustic model runs in a separate recognizer or is temporarily refused.',
    ['standing'],
    () => {
      const { isolated, refused } = usage().suspects
      return [
        [{ standing: 'isolated' }, isolated],
        [{ standing: 'refused' }, refused],
      ]
    },
  )
  metrics.gauge('custom_speech_recognizer_models', 'Models that are loaded.', [], () => usage().models.length)
  metrics.gauge('custom_speech_recognizer_memory_bytes', 'Memory of the recognizer processes.', [], () => usage().memoryBytes)
}
