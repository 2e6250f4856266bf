import type { Pcm } from '../audio/pcm.ts'
import type { RecognizerModel } from '../decoding/recognizer-model.ts'
import type { RecognitionMode } from '../domain/recognition-mode.ts'
import type { Phrase, RecognizerStream, StreamListener, StreamRequest, WaitOptions } from './recognizer-stream.ts'
import type { SegmentationSettings } from './segmentation-settings.ts'

export interface RecognitionRequest {
  model: RecognizerModel
  audio: Pcm
  mode: RecognitionMode
  listening: SegmentationSettings
}

export interface Recognition {
  status: 'SUCCESS' | 'NO_MATCH' | 'INITIAL_SILENCE'
  phrases: Phrase[]
  /** Samples heard, silence included. */
  heard: number
}

/** Figures for operators and for messages. */
interface RecognizersUsage {
  streams: number
  /** Streams of the usual cost that would fit in all. */
  maxStreams: number
  /** Streams that wait for a place. */
  streamsWaiting: number
  /** The share of the promised capacity that the open streams are expected to take; a little over 1 when a deployment without any stream was let in last. */
  load: number
  /** Phrases and recordings that wait for a worker. */
  waiting: number
  workers: { running: number; busy: number; most: number; ended: number }
  models: { id: string; workers: number }[]
  memoryBytes: number
  /** Users' acoustic models: how often one held up or ended a recognizer, and how many deployments are isolated or refused for it. */
  suspects: { strikes: number; isolated: number; refused: number }
}

/** Audio in, text out. Several models and many callers share the workers behind it. */
export interface Recognizers {
  /** Makes a worker hold the model; resolves with the milliseconds that loading took. */
  load(model: RecognizerModel, signal?: AbortSignal): Promise<number>
  /** Admits a stream, or rejects with {@link RecognizersBusyError} when no room was found for it in time; without patience, at once. */
  open(request: StreamRequest, listener: StreamListener, waiting?: WaitOptions): Promise<RecognizerStream>
  /** Recognizes a whole recording for a job, as fast as clients leave capacity for it; until then it waits. */
  recognize(request: RecognitionRequest, signal?: AbortSignal): Promise<Recognition>
  usage(): RecognizersUsage
  /** Throws when no worker answers. */
  check(): Promise<void>
  close(): Promise<void>
}

/** The same recognizers for the calls of provisioning, which have capacity of their own. */
export const withReservedCapacity = (recognizers: Recognizers): Recognizers => ({
  ...recognizers,
  open: (request, listener, waiting = { waitMs: 0 }) => recognizers.open(request, listener, { ...waiting, isReserved: true }),
})
