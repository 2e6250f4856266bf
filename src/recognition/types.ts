import type { Pcm } from '../audio/pcm.ts'
import type { Alternative, ListedPhrase, RecognizerModel } from '../decoding/types.ts'
import type { RecognitionMode } from '../domain/recognition-mode.ts'
import type { SegmentationSettings } from './segmentation-settings.ts'

export interface RecognitionRequest {
  model: RecognizerModel
  audio: Pcm
  mode: RecognitionMode
  listening: SegmentationSettings
}

/** One stretch of speech between silences. Offset and duration count samples from the audio's start. */
export interface Phrase {
  /** As a person would write it. */
  display: string
  /** Lower-case words without punctuation. */
  lexical: string
  /** 0 to 1, the geometric mean of the tokens' probabilities; a rough guide. */
  confidence: number
  offset: number
  duration: number
  /** What may have been said, best first; the first is the phrase itself. */
  alternatives: Alternative[]
}

export interface Recognition {
  status: 'SUCCESS' | 'NO_MATCH' | 'INITIAL_SILENCE'
  phrases: Phrase[]
  /** Samples heard, silence included. */
  heard: number
}

/** One client's audio as it comes; several phrases may come of it. */
export interface StreamRequest {
  model: RecognizerModel
  /** Whose stream it is: capacity is shared between workspaces, and in each between its deployments. */
  workspaceId: string
  deploymentId: string
  mode: RecognitionMode
  listening: SegmentationSettings
  /** What write() is given: little-endian 16-bit samples, channels interleaved. */
  format: { sampleRate: number; channels: number }
  /** Hypotheses while a phrase grows. */
  interims: boolean
  /** Alternatives wanted of each phrase; more than one, or a phrase list, costs about three times as much. */
  alternatives: number
  wordTimings: boolean
  phrases: readonly ListedPhrase[]
  /** A job evaluates a model with it: it takes only what clients leave. */
  isOfJob?: boolean
}

/** A recording that is all there, or is being sent, can wait so long for room, in milliseconds. */
export const recordingWaitMs = 15_000

/** How a stream waits for room. */
export interface WaitOptions {
  /** Milliseconds; 0 is to be refused at once, `Infinity` to wait until the signal aborts. */
  waitMs: number
  /** Whoever asked has left. */
  signal?: AbortSignal
  /** The stream had a place and lost it through no fault of its own: it gets it back. */
  isResumed?: boolean
  /** The stream takes capacity that is kept for provisioning, and none that clients could have. */
  isReserved?: boolean
}

/** The same recognizers for the calls of provisioning, which have capacity of their own. */
export const withReservedCapacity = (recognizers: Recognizers): Recognizers => ({
  ...recognizers,
  open: (request, listener, waiting = { waitMs: 0 }) => recognizers.open(request, listener, { ...waiting, isReserved: true }),
})

/**
 * Of each phrase, in this order: SPEECH_START, any number of HYPOTHESIS, PHRASE or NO_MATCH, SPEECH_END.
 * Offsets and durations count 16 kHz samples from the stream's first.
 */
export type StreamEvent =
  | { kind: 'SPEECH_START'; offset: number }
  /** Lower case, no punctuation; may still change. */
  | { kind: 'HYPOTHESIS'; text: string; offset: number; duration: number }
  | { kind: 'PHRASE'; phrase: Phrase }
  /** Something like speech, in which no words were found. */
  | { kind: 'NO_MATCH'; offset: number; duration: number }
  | { kind: 'SPEECH_END'; offset: number }
  /** Nothing was said for as long as the client waits for a beginning; told once. */
  | { kind: 'INITIAL_SILENCE'; heard: number }
  /** The last event of a stream that was not closed and did not fail. */
  | { kind: 'ENDED'; heard: number }

export interface RecognizerStream {
  /**
   * Takes more audio and keeps the bytes; they are not to be written to again. Answers false when so much
   * waits that the caller should pause until it is told `drained`. A caller that goes on regardless fails.
   */
  write(pcm: Uint8Array): boolean
  /** No more audio comes: what is open is recognized, then the stream ends. */
  finish(): void
  /** Nobody listens any more: everything of the stream is dropped, and no event follows. */
  close(): void
}

/** Called by a stream, never before `open` has resolved. */
export interface StreamListener {
  event(event: StreamEvent): void
  drained(): void
  /** The stream cannot go on; nothing follows. */
  failed(error: Error): void
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

/** The worker ended, or did not answer, while it was at work: trying again may well succeed. */
export class RecognizerCrashedError extends Error {
  override name = 'RecognizerCrashedError'
}

/** More is waiting than can be answered in good time. */
export class RecognizersBusyError extends Error {
  override name = 'RecognizersBusyError'
}
