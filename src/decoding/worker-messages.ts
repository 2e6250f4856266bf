import type { RecognitionMode } from '../domain/recognition-mode.ts'
import type { Alternative } from './alternative.ts'
import type { ListedPhrase } from './listed-phrase.ts'
import type { RecognizerModel } from './recognizer-model.ts'

export interface DecodeTask {
  kind: 'DECODE'
  model: RecognizerModel
  audio: Int16Array
  mode: RecognitionMode
  /** More than one, or listed phrases, need beam search. */
  alternatives: number
  phrases: readonly ListedPhrase[]
  wordTimings: boolean
  /** Whether growing beginnings of the text are reported while it is decoded. */
  reportBeginnings: boolean
}

export interface LoadTask {
  kind: 'LOAD'
  model: RecognizerModel
  /** Do nothing if the load would evict another model. */
  onlyIfFree: boolean
}

/** Evicts files and the models that consist of them. */
interface ReleaseTask {
  kind: 'RELEASE'
  files: readonly string[]
}

export type WorkerTask = { kind: 'PING' } | LoadTask | DecodeTask | ReleaseTask

export interface WorkerRequest {
  /** The budget of all models together. */
  memoryBytes: number
  task: WorkerTask
}

/** Every reply has the models and files that the worker holds, its memory and the expected memory. */
export type WorkerReply = { memoryBytes: number; expectedBytes: number; models: string[]; files: string[] } & (
  | { ok: true; kind: 'PING' | 'RELEASE'; value: 0 }
  /** The milliseconds that loading took. */
  | { ok: true; kind: 'LOAD'; value: number }
  /** Best first, offsets from the first sample of the piece; empty if it has no words. */
  | { ok: true; kind: 'DECODE'; value: Alternative[] }
  | { ok: false; problem: 'MODEL_UNUSABLE' | 'FAILED'; message: string }
)

/** Complete lower-case words of the text so far. Any number of these messages precede the reply. */
export interface WorkerProgress {
  beginning: string
}
