// The child process that holds acoustic and language models and decodes one piece at a time. Native code
// can crash it, so it keeps no state of streams. It exits when its parent ends.

import { sampleRate } from '../audio/pcm.ts'
import type { Alternative } from './alternative.ts'
import { decodeBeams, decodeGreedily } from './beam-search.ts'
import { type Fusion, joinFusions } from './fusion.ts'
import type { ListedPhrase } from './listed-phrase.ts'
import { LoadedModels } from './loaded-models.ts'
import { openPhraseList, writeAsListed } from './phrase-list.ts'
import { timeWords } from './word-timings.ts'
import type { DecodeTask, LoadTask, WorkerProgress, WorkerReply, WorkerRequest } from './worker-messages.ts'

const beams = 4
/** The largest distance from the best beam if only the best text is wanted. */
const spread = 6

const loaded = new LoadedModels()

async function load({ model, onlyIfFree }: LoadTask, budget: number): Promise<number> {
  const started = performance.now()
  if (onlyIfFree && !(await loaded.fits(model, budget))) return 0
  const { acoustic } = await loaded.open(model, budget)
  // The first decoding allocates memory that later ones reuse, so it runs before a client waits.
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
    // A fusion can prefer a text with a lower confidence, but clients expect confidences in descending order.
    least = Math.min(least, confidence)
    alternatives.set(written.lexical, { ...written, confidence: least })
  }
  return wordTimings ? timeWords([...alternatives.values()], samples, language.locale) : [...alternatives.values()]
}

/** The last compiled list, because a stream sends the same list with each phrase. */
let lastList: { key: string; fusion: Fusion<unknown>; rewrite(text: string): string } | undefined
function compileList(phrases: readonly ListedPhrase[]) {
  const key = JSON.stringify(phrases)
  if (lastList?.key !== key) lastList = { key, fusion: openPhraseList(phrases) as Fusion<unknown>, rewrite: writeAsListed(phrases) }
  return lastList
}

async function work({ task, memoryBytes }: WorkerRequest) {
  if (task.kind === 'LOAD') return { ok: true, kind: task.kind, value: await load(task, memoryBytes) } as const
  if (task.kind === 'DECODE') return { ok: true, kind: task.kind, value: await decode(task, memoryBytes) } as const
  if (task.kind === 'RELEASE') await loaded.release(task.files)
  return { ok: true, kind: task.kind, value: 0 } as const
}

async function answer(request: WorkerRequest): Promise<WorkerReply> {
  const result = await work(request).catch((error: Error) => {
    const problem = request.task.kind === 'LOAD' || error.name === 'ModelUnusableError' ? 'MODEL_UNUSABLE' : 'FAILED'
    return { ok: false, problem, message: error.message } as const
  })
  return { ...result, memoryBytes: process.memoryUsage.rss(), expectedBytes: loaded.bytes, models: loaded.ids, files: loaded.files }
}

function send(message: WorkerReply | WorkerProgress) {
  if (process.connected) process.send?.(message)
}

process.on('message', async (request: WorkerRequest) => {
  send(await answer(request))
})
process.on('disconnect', () => process.exit())
// Ctrl-C in a terminal and the stop of a service manager reach every process of the group. Only the parent ends this one.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
