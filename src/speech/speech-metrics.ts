import { singleValue, writeMetric as write } from '../http/metrics.ts'
import type { DataPlane } from './data-plane.ts'
import type { SpeechSockets } from './websocket-server.ts'

/** The metrics of the data plane. Labels do not identify workspaces, keys or deployments. */
export function writeSpeechMetrics({ figures, sessionLimits, recognizers }: DataPlane, sockets: SpeechSockets): string {
  const usage = recognizers.usage()
  return [
    write('speech_sockets_open', 'gauge', 'Open WebSockets of speech clients, including those between two turns.', singleValue(sockets.open)),
    write('speech_sessions', 'gauge', 'Streams and recordings that hold a slot.', singleValue(sessionLimits.taken)),
    write('speech_audio_seconds_total', 'counter', 'Seconds of audio received.', singleValue(figures.audioSeconds)),
    write('speech_phrases_total', 'counter', 'Phrases recognized.', singleValue(figures.phrases)),
    write(
      'speech_problems_total',
      'counter',
      'Refusals, failures and cut connections by code.',
      [...figures.problems].map(([code, count]) => [`{code="${code}"}`, count]),
    ),
    write('recognizer_streams', 'gauge', 'Streams that hold recognizer capacity.', singleValue(usage.streams)),
    write('recognizer_streams_most', 'gauge', 'The maximum number of streams of the usual cost.', singleValue(usage.maxStreams)),
    write('recognizer_streams_waiting', 'gauge', 'Streams and recordings that wait for recognizer capacity.', singleValue(usage.streamsWaiting)),
    write('recognizer_load', 'gauge', 'The share of the recognizer capacity in use.', singleValue(usage.load)),
    write('recognizer_queue', 'gauge', 'Phrases and recordings that wait for a worker.', singleValue(usage.waiting)),
    write('recognizer_workers', 'gauge', 'Recognizer processes.', [
      ['{state="running"}', usage.workers.running],
      ['{state="busy"}', usage.workers.busy],
    ]),
    write('recognizer_workers_ended_total', 'counter', 'Recognizer processes that ended unexpectedly.', singleValue(usage.workers.ended)),
    write(
      'recognizer_model_strikes_total',
      'counter',
      'Times that a custom acoustic model blocked or ended a recognizer.',
      singleValue(usage.suspects.strikes),
    ),
    write('recognizer_deployments_suspected', 'gauge', 'Deployments whose custom acoustic model runs in a separate recognizer or is temporarily refused.', [
      ['{standing="isolated"}', usage.suspects.isolated],
      ['{standing="refused"}', usage.suspects.refused],
    ]),
    write('recognizer_models', 'gauge', 'Models that are loaded.', singleValue(usage.models.length)),
    write('recognizer_memory_bytes', 'gauge', 'Memory of the recognizer processes.', singleValue(usage.memoryBytes)),
  ].join('')
}
