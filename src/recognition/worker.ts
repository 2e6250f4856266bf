// The child process that owns acoustic and language models and decodes one piece at a time. Native code
// may end it without a word, so it knows nothing of streams; it ends by itself when its parent is gone.
import type { RecognitionMode } from '../domain/endpoint.ts'
import { LoadedModels } from './loaded-models.ts'
import { type Alternative, type ListedPhrase, type RecognizerModel, sampleRate } from './recognizer.ts'

export interface DecodeTask {
  kind: 'DECODE'
  model: RecognizerModel
  audio: Int16Array
  mode: RecognitionMode
  /** More than one, or listed phrases, need beam search. */
  alternatives: number
  phrases: readonly ListedPhrase[]
  wordTimings: boolean
}

export type WorkerTask = { kind: 'PING' } | { kind: 'LOAD'; model: RecognizerModel } | DecodeTask

export interface WorkerRequest {
  /** What all models together should stay within. */
  memoryBytes: number
  task: WorkerTask
}

/** Every reply says what the worker holds by now. */
export type WorkerReply = { memoryBytes: number; models: string[] } & (
  | { ok: true; kind: 'PING'; value: 0 }
  /** The milliseconds that loading took. */
  | { ok: true; kind: 'LOAD'; value: number }
  /** Best first, words counted from the piece's first sample; none when there are no words in it. */
  | { ok: true; kind: 'DECODE'; value: Alternative[] }
  | { ok: false; problem: 'MODEL_UNUSABLE' | 'FAILED'; message: string }
)

const loaded = new LoadedModels()

async function load(model: RecognizerModel): Promise<number> {
  const started = performance.now()
  const { acoustic } = await loaded.open(model)
  // The first decoding allocates what later ones reuse, so let it happen before anyone waits for it.
  await acoustic.decode(new Float32Array(sampleRate))
  return performance.now() - started
}

async function decode({ model, audio, mode }: DecodeTask): Promise<Alternative[]> {
  const { acoustic, language } = await loaded.open(model)
  const { text, confidence } = await acoustic.decode(Float32Array.from(audio, (sample) => sample / 32_768))
  return text ? [{ ...language.write(text, mode), confidence }] : []
}

async function work({ task }: WorkerRequest) {
  if (task.kind === 'LOAD') return { ok: true, kind: task.kind, value: await load(task.model) } as const
  if (task.kind === 'DECODE') return { ok: true, kind: task.kind, value: await decode(task) } as const
  return { ok: true, kind: task.kind, value: 0 } as const
}

async function answer(request: WorkerRequest): Promise<WorkerReply> {
  const result = await work(request).catch((error: Error) => {
    const problem = request.task.kind === 'LOAD' || error.name === 'ModelUnusableError' ? 'MODEL_UNUSABLE' : 'FAILED'
    return { ok: false, problem, message: error.message } as const
  })
  return { ...result, memoryBytes: process.memoryUsage.rss(), models: loaded.ids }
}

process.on('message', async (request: WorkerRequest) => {
  const reply = await answer(request)
  if (process.connected) process.send?.(reply)
})
process.on('disconnect', () => process.exit())
// A terminal's Ctrl-C reaches the whole process group; the parent decides when we end.
process.on('SIGINT', () => {})
