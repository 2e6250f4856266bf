import { type MetricValues, writeMetric as write } from '../http/metrics.ts'
import type { DataPlane } from './data-plane.ts'
import type { SpeechSockets } from './websocket-server.ts'

/** Figures of the data plane. They name no workspace, no key and no deployment. */
export function writeSpeechMetrics({ figures, places, recognizers }: DataPlane, sockets: SpeechSockets): string {
  const usage = recognizers.usage()
  const one = (value: number): MetricValues => [['', value]]
  return [
    write('speech_sockets_open', 'gauge', 'WebSockets of speech clients, those between two turns included.', one(sockets.open)),
    write('speech_sessions', 'gauge', 'Streams and recordings that hold a place.', one(places.taken)),
    write('speech_audio_seconds_total', 'counter', 'Seconds of audio received.', one(figures.audioSeconds)),
    write('speech_phrases_total', 'counter', 'Phrases recognized.', one(figures.phrases)),
    write(
      'speech_problems_total',
      'counter',
      'Refusals, failures and cut connections by their code.',
      [...figures.problems].map(([code, count]) => [`{code="${code}"}`, count]),
    ),
    write('recognizer_streams', 'gauge', 'Streams that the recognizers listen to.', one(usage.streams)),
    write('recognizer_streams_most', 'gauge', 'Streams of the usual cost that would fit.', one(usage.maxStreams)),
    write('recognizer_streams_waiting', 'gauge', 'Streams and recordings that wait for a place.', one(usage.streamsWaiting)),
    write('recognizer_load', 'gauge', 'The share of the capacity that is promised.', one(usage.load)),
    write('recognizer_queue', 'gauge', 'Phrases and recordings that wait for a worker.', one(usage.waiting)),
    write('recognizer_workers', 'gauge', 'Processes that recognize.', [
      ['{state="running"}', usage.workers.running],
      ['{state="busy"}', usage.workers.busy],
    ]),
    write('recognizer_workers_ended_total', 'counter', 'Processes that ended before they were told to.', one(usage.workers.ended)),
    write('recognizer_model_strikes_total', 'counter', 'Times that a custom acoustic model held up or ended a recognizer.', one(usage.suspects.strikes)),
    write('recognizer_deployments_suspected', 'gauge', 'Deployments whose custom acoustic model has a recognizer of its own, or is refused for a while.', [
      ['{standing="isolated"}', usage.suspects.isolated],
      ['{standing="refused"}', usage.suspects.refused],
    ]),
    write('recognizer_models', 'gauge', 'Models that are loaded.', one(usage.models.length)),
    write('recognizer_memory_bytes', 'gauge', 'Memory of the processes that recognize.', one(usage.memoryBytes)),
  ].join('')
}
