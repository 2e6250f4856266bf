// The child process that owns the speech models. Native code may end it without a word, so nothing
// but recognition lives here; it ends by itself when its parent is gone.
import { resample, toMono } from './audio.ts'
import { type LanguageModel, openLanguageModel } from './language-model.ts'
import { type Moonshine, openMoonshine } from './moonshine.ts'
import { type Phrase, type Recognition, type RecognitionRequest, type RecognizerModel, sampleRate } from './recognizer.ts'
import { Segmenter } from './segmenter.ts'
import { openVoiceActivity, windowSize } from './voice-activity.ts'

export type WorkerTask = { kind: 'ping' } | { kind: 'load'; model: RecognizerModel } | { kind: 'recognize'; request: RecognitionRequest }
export type WorkerRequest = { id: number } & WorkerTask

export type WorkerReply = { id: number } & ({ ok: true; value: Recognition | number } | { ok: false; problem: 'MODEL_UNUSABLE' | 'FAILED'; message: string })

const voiceActivity = openVoiceActivity()
const acousticModels = new Map<string, Promise<Moonshine>>()
const languageModels = new Map<string, Promise<LanguageModel>>()

/** Deployments that share a model's files share what is loaded of them. */
function once<T>(opened: Map<string, Promise<T>>, key: string, open: () => Promise<T>): Promise<T> {
  const known = opened.get(key)
  if (known) return known
  const opening = open()
  opened.set(key, opening)
  opening.catch(() => opened.delete(key))
  return opening
}

async function openModel(model: RecognizerModel) {
  const [acoustic, language] = await Promise.all([
    once(acousticModels, model.encoder, () => openMoonshine(model)),
    once(languageModels, model.writing, () => openLanguageModel(model.writing)),
  ])
  return { acoustic, language }
}

async function load(model: RecognizerModel): Promise<number> {
  const started = performance.now()
  const { acoustic } = await openModel(model)
  await voiceActivity
  // The first decoding allocates what later ones reuse, so let it happen before anyone waits for it.
  await acoustic.decode(new Float32Array(sampleRate))
  return performance.now() - started
}

async function recognize({ model, audio: pcm, mode, listening }: RecognitionRequest): Promise<Recognition> {
  const { acoustic, language } = await openModel(model)
  const audio = resample(toMono(pcm.samples, pcm.channels), pcm.sampleRate)
  const phrases: Phrase[] = []
  const heard = audio.length
  let heardSpeech = false
  for await (const { start, end } of findSegments(audio, listening)) {
    if (!heardSpeech && listening.firstPhraseOnly && start > (listening.initialSilenceMs * sampleRate) / 1000) break
    heardSpeech = true
    const { text, confidence } = await acoustic.decode(audio.subarray(start, end))
    if (!text) continue
    phrases.push({ ...language.write(text, mode), confidence, offset: start, duration: end - start })
    if (listening.firstPhraseOnly) break
  }
  return { status: phrases.length ? 'SUCCESS' : heardSpeech ? 'NO_MATCH' : 'INITIAL_SILENCE', phrases, heard }
}

async function* findSegments(audio: Float32Array, listening: RecognitionRequest['listening']) {
  const activity = (await voiceActivity).listen()
  const segmenter = new Segmenter(listening)
  const window = new Float32Array(windowSize)
  for (let at = 0; at < audio.length; at += windowSize) {
    window.fill(0)
    window.set(audio.subarray(at, at + windowSize))
    const segment = segmenter.push(await activity.judge(window))
    if (segment) yield segment
  }
  const last = segmenter.end()
  if (last) yield { start: last.start, end: Math.min(last.end, audio.length) }
}

async function work(request: WorkerRequest): Promise<Recognition | number> {
  if (request.kind === 'load') return load(request.model)
  if (request.kind === 'recognize') return recognize(request.request)
  await voiceActivity
  return 0
}

async function answer(request: WorkerRequest): Promise<WorkerReply> {
  try {
    return { id: request.id, ok: true, value: await work(request) }
  } catch (error) {
    const { name, message } = error as Error
    const problem = request.kind === 'load' || name === 'ModelUnusableError' ? 'MODEL_UNUSABLE' : 'FAILED'
    return { id: request.id, ok: false, problem, message }
  }
}

process.on('message', async (request: WorkerRequest) => {
  const reply = await answer(request)
  if (process.connected) process.send?.(reply)
})
process.on('disconnect', () => process.exit())
// A terminal's Ctrl-C reaches the whole process group; the parent decides when we end.
process.on('SIGINT', () => {})
