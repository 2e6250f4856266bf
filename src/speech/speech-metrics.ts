import { singleValue, writeMetric as write } from '../http/metrics.ts'
import type { DataPlane } from './data-plane.ts'
import type { SpeechSockets } from './websocket-server.ts'

/** Figures of the data plane. They name no workspace, no key and no deployment. */
export function writeSpeechMetrics({ figures, sessionLimits, recognizers }: DataPlane, sockets: SpeechSockets): string {
  const usage = recognizers.usage()
  return [
    write('speech_sockets_open', 'gauge', 'WebSockets of speech clients, those between two turns included.', singleValue(sockets.open)),
    write('speech_sessions', 'gauge', 'Streams and recordings that hold a place.', singleValue(sessionLimits.taken)),
    write('speech_audio_seconds_total', 'counter', 'Seconds of audio received.', singleValue(figures.audioSeconds)),
    write('speech_phrases_total', 'counter', 'Phrases recognized.', singleValue(figures.phrases)),
    write(
      'speech_problems_total',
      'counter',
      'Refusals, failures and cut connections by their code.',
      [...figures.problems].map(([code, count]) => [`{code="${code}"}`, count]),
    ),
    write('recognizer_streams', 'gauge', 'Streams that the recognizers listen to.', singleValue(usage.streams)),
    write('recognizer_streams_most', 'gauge', 'Streams of the usual cost that would fit.', singleValue(usage.maxStreams)),
    write('recognizer_streams_waiting', 'gauge', 'Streams and recordings that wait for a place.', singleValue(usage.streamsWaiting)),
    write('recognizer_load', 'gauge', 'The share of the capacity that is promised.', singleValue(usage.load)),
    write('recognizer_queue', 'gauge', 'Phrases and recordings that wait for a worker.', singleValue(usage.waiting)),
    write('recognizer_workers', 'gauge', 'Processes that recognize.', [
      ['{state="running"}', usage.workers.running],
      ['{state="busy"}', usage.workers.busy],
    ]),
    write('recognizer_workers_ended_total', 'counter', 'Processes that ended before they were told to.', singleValue(usage.workers.ended)),
    write(
      'recognizer_model_strikes_total',
      'counter',
      'Times that a custom acoustic model held up or ended a recognizer.',
      singleValue(usage.suspects.strikes),
    ),
    write('recognizer_deployments_suspected', 'gauge', 'Deployments whose custom acoustic model has a recognizer of its own, or is refused for a while.', [
      ['{standing="isolated"}', usage.suspects.isolated],
      ['{standing="refused"}', usage.suspects.refused],
    ]),
    write('recognizer_models', 'gauge', 'Models that are loaded.', singleValue(usage.models.length)),
    write('recognizer_memory_bytes', 'gauge', 'Memory of the processes that recognize.', singleValue(usage.memoryBytes)),
  ].join('')
}
