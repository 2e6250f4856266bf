// The child process that owns acoustic and language models and decodes one piece at a time. Native code
// may end it without a word, so it knows nothing of streams; it ends by itself when its parent is gone.

import { sampleRate } from '../audio/pcm.ts'
import type { RecognitionMode } from '../domain/recognition-mode.ts'
import type { Alternative } from './alternative.ts'
import { decodeBeams, decodeGreedily } from './beam-search.ts'
import { type Fusion, joinFusions } from './fusion.ts'
import { LoadedModels } from './loaded-models.ts'
import type { ListedPhrase } from './phrase-list.ts'
import { openPhraseList, writeAsListed } from './phrase-list.ts'
import type { RecognizerModel } from './recognizer-model.ts'
import { timeWords } from './word-timings.ts'

const beams = 4
/** Where only the best text is wanted, others that are so far behind cost more than they could bring. */
const spread = 6

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

interface LoadTask {
  kind: 'LOAD'
  model: RecognizerModel
  /** Where another model would have to give way, leave it. */
  onlyIfRoom: boolean
}

export type WorkerTask = { kind: 'PING' } | LoadTask | DecodeTask

export interface WorkerRequest {
  /** What all models together should stay within. */
  memoryBytes: number
  task: WorkerTask
}

/** Every reply says what the worker holds by now, what that takes and what it should. */
export type WorkerReply = { memoryBytes: number; expectedBytes: number; models: string[] } & (
  | { ok: true; kind: 'PING'; value: 0 }
  /** The milliseconds that loading took. */
  | { ok: true; kind: 'LOAD'; value: number }
  /** Best first, words counted from the piece's first sample; none when there are no words in it. */
  | { ok: true; kind: 'DECODE'; value: Alternative[] }
  | { ok: false; problem: 'MODEL_UNUSABLE' | 'FAILED'; message: string }
)

/** Complete words of a text that is still being decoded, in lower case. Any number of them come before the reply. */
export interface WorkerProgress {
  beginning: string
}

const loaded = new LoadedModels()

async function load({ model, onlyIfRoom }: LoadTask, budget: number): Promise<number> {
  const started = performance.now()
  if (onlyIfRoom && !(await loaded.hasRoomFor(model, budget))) return 0
  const { acoustic } = await loaded.open(model, budget)
  // The first decoding allocates what later ones reuse, so let it happen before anyone waits for it.
  await decodeGreedily(acoustic, new Float32Array(sampleRate))
  return performance.now() - started
}

async function decode(task: DecodeTask, budget: number): Promise<Alternative[]> {
  const { model, audio, mode, alternatives: wanted, phrases, wordTimings } = task
  const { acoustic, language, custom } = await loaded.open(model, budget)
  const list = phrases.length ? compileList(phrases) : undefined
  const samples = Float32Array.from(audio, (sample) => sample / 32_768)
  const begun = task.reportBeginnings ? (text: string) => send({ beginning: language.write(text, mode).lexical }) : undefined
  const decodings =
    wanted > 1 || list || custom
      ? await decodeBeams(acoustic, samples, { most: beams, ...(wanted > 1 ? {} : { spread }) }, joinFusions(custom?.fusion, list?.fusion), begun)
      : [await decodeGreedily(acoustic, samples, begun)]
  const rewriters = [custom, list].flatMap((one) => (one ? [one.rewrite] : []))
  const alternatives = new Map<string, Alternative>()
  let least = 1
  for (const { text, confidence } of decodings) {
    const plain = language.write(text, mode)
    const written = { ...plain, display: rewriters.reduce((display, rewrite) => rewrite(display), plain.display) }
    if (!text || alternatives.has(written.lexical) || alternatives.size === wanted) continue
    // A fusion may prefer what the acoustic model doubts; still nobody expects the second to be surer than the first.
    least = Math.min(least, confidence)
    alternatives.set(written.lexical, { ...written, confidence: least })
  }
  return wordTimings ? timeWords([...alternatives.values()], samples, language.locale) : [...alternatives.values()]
}

/** The last list is kept compiled: a stream sends the same with each of its phrases. */
let lastList: { key: string; fusion: Fusion<unknown>; rewrite(text: string): string } | undefined
function compileList(phrases: readonly ListedPhrase[]) {
  const key = JSON.stringify(phrases)
  if (lastList?.key !== key) lastList = { key, fusion: openPhraseList(phrases) as Fusion<unknown>, rewrite: writeAsListed(phrases) }
  return lastList
}

async function work({ task, memoryBytes }: WorkerRequest) {
  if (task.kind === 'LOAD') return { ok: true, kind: task.kind, value: await load(task, memoryBytes) } as const
  if (task.kind === 'DECODE') return { ok: true, kind: task.kind, value: await decode(task, memoryBytes) } as const
  return { ok: true, kind: task.kind, value: 0 } as const
}

async function answer(request: WorkerRequest): Promise<WorkerReply> {
  const result = await work(request).catch((error: Error) => {
    const problem = request.task.kind === 'LOAD' || error.name === 'ModelUnusableError' ? 'MODEL_UNUSABLE' : 'FAILED'
    return { ok: false, problem, message: error.message } as const
  })
  return { ...result, memoryBytes: process.memoryUsage.rss(), expectedBytes: loaded.bytes, models: loaded.ids }
}

function send(message: WorkerReply | WorkerProgress) {
  if (process.connected) process.send?.(message)
}

process.on('message', async (request: WorkerRequest) => {
  send(await answer(request))
})
process.on('disconnect', () => process.exit())
// A terminal's Ctrl-C and a service manager's stop reach every process of the group; the parent decides when we end.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
