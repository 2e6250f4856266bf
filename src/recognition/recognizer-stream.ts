import type { Alternative } from '../decoding/alternative.ts'
import type { ListedPhrase } from '../decoding/phrase-list.ts'
import type { RecognizerModel } from '../decoding/recognizer-model.ts'
import type { RecognitionMode } from '../domain/recognition-mode.ts'
import type { SegmentationSettings } from './segmentation-settings.ts'

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
