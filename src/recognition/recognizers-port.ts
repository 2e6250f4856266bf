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
  /** Called when the recording has its slot. */
  admitted?: () => void
}

export interface Recognition {
  status: 'SUCCESS' | 'NO_MATCH' | 'INITIAL_SILENCE'
  phrases: Phrase[]
  /** Recognized samples, silence included. */
  heard: number
  /** The time from the admission to the end, in milliseconds. */
  elapsedMs: number
}

/** Figures of worker processes, overdue ones included. */
export interface WorkersUsage {
  workers: { running: number; busy: number; most: number; ended: number }
  models: { id: string; workers: number }[]
  memoryBytes: number
}

/** Figures for operators and error messages. */
interface RecognizersUsage extends WorkersUsage {
  streams: number
  /** The most streams of the usual cost. */
  maxStreams: number
  /** Streams that wait for a slot. */
  streamsWaiting: number
  /** The expected share of the promised capacity that open streams use; slightly over 1 after a deployment without any stream was admitted. */
  load: number
  /** Phrases and recordings that wait for a worker. */
  waiting: number
  /** Users' acoustic models: the number of recognizers that they blocked or ended, and of deployments that are isolated or refused. */
  suspects: { strikes: number; isolated: number; refused: number }
}

/** Recognizes audio with workers that many models and callers share. */
export interface Recognizers {
  /** Loads the model in a worker; resolves with the milliseconds of the load. With `onlyIfFree`, no other model is evicted for it. */
  load(model: RecognizerModel, signal?: AbortSignal, options?: { onlyIfFree: boolean }): Promise<number>
  /** Admits a stream, or rejects with a {@link RecognizersBusyError} if no slot is free in time; without `waiting`, at once. */
  open(request: StreamRequest, listener: StreamListener, waiting?: WaitOptions): Promise<RecognizerStream>
  /** Recognizes a whole recording for a job, when clients leave capacity. */
  recognize(request: RecognitionRequest, signal?: AbortSignal): Promise<Recognition>
  /** Frees the memory of files that no deployment uses, named by their SHA-256. The next use of a model loads them again. */
  release(sha256s: readonly string[]): void
  usage(): RecognizersUsage
  /** Rejects if no worker answers. */
  check(): Promise<void>
  close(): Promise<void>
}

/** The same recognizers with the reserved capacity of provisioning. */
export const withReservedCapacity = (recognizers: Recognizers): Recognizers => ({
  ...recognizers,
  open: (request, listener, waiting = { waitMs: 0 }) => recognizers.open(request, listener, { ...waiting, isReserved: true }),
})

/** Adds the figures of two pools. */
export function joinUsages(one: WorkersUsage, other: WorkersUsage): WorkersUsage {
  const models = new Map(one.models.map(({ id, workers }) => [id, workers]))
  for (const { id, workers } of other.models) models.set(id, (models.get(id) ?? 0) + workers)
  return {
    workers: {
      running: one.workers.running + other.workers.running,
      busy: one.workers.busy + other.workers.busy,
      most: one.workers.most + other.workers.most,
      ended: one.workers.ended + other.workers.ended,
    },
    models: [...models].map(([id, workers]) => ({ id, workers })),
    memoryBytes: one.memoryBytes + other.memoryBytes,
  }
}
