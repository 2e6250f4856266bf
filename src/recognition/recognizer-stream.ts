import type { Alternative } from '../decoding/alternative.ts'
import type { ListedPhrase } from '../decoding/listed-phrase.ts'
import type { RecognizerModel } from '../decoding/recognizer-model.ts'
import type { RecognitionMode } from '../domain/recognition-mode.ts'
import type { SegmentationSettings } from './segmentation-settings.ts'

/** One stretch of speech between silences. Offset and duration count samples from the audio's start. */
export interface Phrase {
  /** Written text, with capitals and punctuation. */
  display: string
  /** Lower-case words without punctuation. */
  lexical: string
  /** 0 to 1, the geometric mean of the tokens' probabilities; a rough estimate. */
  confidence: number
  offset: number
  duration: number
  /** Possible texts, best first; the first is that of the phrase. */
  alternatives: Alternative[]
}

/** The properties of a stream. */
export interface StreamRequest {
  model: RecognizerModel
  /** The owner of the stream. Capacity is shared between workspaces, and in each between its deployments. */
  workspaceId: string
  deploymentId: string
  mode: RecognitionMode
  listening: SegmentationSettings
  /** The format of the audio for write(): little-endian 16-bit samples, channels interleaved. */
  format: { sampleRate: number; channels: number }
  /** Whether hypotheses are sent while a phrase grows. */
  interims: boolean
  /** The most alternatives of each phrase. More than one, or a phrase list, costs about three times as much. */
  alternatives: number
  wordTimings: boolean
  phrases: readonly ListedPhrase[]
  /** True for a job that evaluates a model; it uses only capacity that clients leave. */
  isOfJob?: boolean
}

/** The longest wait of a recording for capacity, in milliseconds. */
export const recordingWaitMs = 15_000

/** The options of a stream that waits for capacity. */
export interface WaitOptions {
  /** Milliseconds; 0 refuses at once, `Infinity` waits until the signal aborts. */
  waitMs: number
  /** Aborts when the client leaves. */
  signal?: AbortSignal
  /** True for a stream that lost its slot to a crash and gets it back. */
  isResumed?: boolean
  /** True to use the reserved capacity of provisioning instead of that of clients. */
  isReserved?: boolean
}

/**
 * Each phrase has these events in this order: SPEECH_START, any number of HYPOTHESIS, PHRASE or NO_MATCH, SPEECH_END.
 * Offsets and durations count 16 kHz samples from the start of the stream.
 */
export type StreamEvent =
  | { kind: 'SPEECH_START'; offset: number }
  /** Lower case, no punctuation; can change. */
  | { kind: 'HYPOTHESIS'; text: string; offset: number; duration: number }
  | { kind: 'PHRASE'; phrase: Phrase }
  /** A sound like speech without recognized words. */
  | { kind: 'NO_MATCH'; offset: number; duration: number }
  | { kind: 'SPEECH_END'; offset: number }
  /** The initial silence exceeded its limit; sent once. */
  | { kind: 'INITIAL_SILENCE'; heard: number }
  /** The last event of a stream that was not closed and did not fail. */
  | { kind: 'ENDED'; heard: number }

export interface RecognizerStream {
  /**
   * Adds audio. The caller must not change the bytes afterwards. Returns false when so much audio
   * waits that the caller must pause until `drained`; the stream of a caller that does not pause fails.
   */
  write(pcm: Uint8Array): boolean
  /** Ends the audio: the rest is recognized, then the stream ends. */
  finish(): void
  /** Drops the stream; no event follows. */
  close(): void
}

/** Called by a stream, never before `open` has resolved. */
export interface StreamListener {
  event(event: StreamEvent): void
  drained(): void
  /** The stream failed; no event follows. */
  failed(error: Error): void
}
