import type { RecognitionMode } from '../domain/endpoint.ts'
import type { Listening } from './scenario.ts'

/** Every recognizer hears 16 kHz mono. */
export const sampleRate = 16_000

/** What recognition needs of a deployment: paths of its files, and a name under which they stay loaded. */
export interface RecognizerModel {
  id: string
  encoder: string
  decoder: string
  writing: string
}

/** Sound as it came: little-endian 16-bit samples, channels interleaved. The recognizer converts it. */
export interface Pcm {
  samples: Uint8Array
  sampleRate: number
  channels: number
}

export interface RecognitionRequest {
  model: RecognizerModel
  audio: Pcm
  mode: RecognitionMode
  listening: Listening
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
}

export interface Recognition {
  status: 'SUCCESS' | 'NO_MATCH' | 'INITIAL_SILENCE'
  phrases: Phrase[]
  /** Samples heard, silence included. */
  heard: number
}

/** Audio in, text out. Several models and many callers share the workers behind it. */
export interface Recognizers {
  /** Makes a worker hold the model; resolves with the milliseconds that loading took. */
  load(model: RecognizerModel, signal?: AbortSignal): Promise<number>
  recognize(request: RecognitionRequest, signal?: AbortSignal): Promise<Recognition>
  /** Throws when no worker answers. */
  check(): Promise<void>
  close(): Promise<void>
}

/** The worker ended, or did not answer, while it was at work: trying again may well succeed. */
export class RecognizerCrashedError extends Error {}

/** More is waiting than can be answered in good time. */
export class RecognizersBusyError extends Error {}

/** The model's files cannot be loaded or run; the message is for whoever deployed them. */
export class ModelUnusableError extends Error {
  override name = 'ModelUnusableError'
}
