// The child process that listens to all streams: it converts their audio and finds the phrases in it.
// It runs native code, as the workers do, but a small model that never changes; it ends when its parent is gone.
import { type Detected, Detection, type ListeningProgress } from './phrase-detector.ts'
import type { StreamRequest } from './recognizer-stream.ts'
import type { Segment } from './segmenter.ts'
import { openVoiceActivity } from './voice-activity.ts'

export type DetectorRequest = { stream: number } & (
  | { kind: 'OPEN'; format: StreamRequest['format']; listening: StreamRequest['listening'] }
  | { kind: 'AUDIO'; pcm: Uint8Array }
  | { kind: 'GROWN'; phrase: number }
  | { kind: 'FINISH' }
  | { kind: 'CLOSE' }
)

export type DetectorReply = { stream: number } & (
  | Detected
  | ({ kind: 'HEARD'; bytes: number } & ListeningProgress)
  | { kind: 'GROWN'; phrase: number; grown: { segment: Segment; audio: Int16Array } | undefined }
  | { kind: 'FINISHED'; heard: number }
  | { kind: 'FAILED'; message: string }
)

interface Listened {
  detection: Detection
  audio: Uint8Array[]
  isFinishing: boolean
  isAtWork: boolean
}

const streams = new Map<number, Listened>()
const voiceActivity = openVoiceActivity()

function reply(message: DetectorReply) {
  if (process.connected) process.send?.(message)
}

async function work(stream: number, listened: Listened) {
  if (listened.isAtWork) return
  listened.isAtWork = true
  const isBehind = () => listened.audio.length > 0 || listened.isFinishing
  const isOpen = () => streams.get(stream) === listened
  while (isOpen()) {
    const pcm = listened.audio.shift()
    if (!pcm) break
    await listened.detection.hear(pcm, isBehind)
    if (isOpen()) reply({ stream, kind: 'HEARD', bytes: pcm.length, ...listened.detection.heard })
  }
  listened.isAtWork = false
  if (!listened.isFinishing || !isOpen()) return
  await listened.detection.finish()
  reply({ stream, kind: 'FINISHED', heard: listened.detection.heard.heard })
  streams.delete(stream)
}

async function handle(request: DetectorRequest) {
  const { stream } = request
  if (request.kind === 'OPEN') {
    const activity = (await voiceActivity).listen()
    const found = (detected: Detected) => {
      if (streams.get(stream) === listened) reply({ stream, ...detected })
    }
    const listened: Listened = { detection: new Detection(activity, request, found), audio: [], isFinishing: false, isAtWork: false }
    streams.set(stream, listened)
    return
  }
  // Whatever comes for a stream that is not open, or no longer, came too late.
  await voiceActivity
  const listened = streams.get(stream)
  if (!listened) return
  if (request.kind === 'CLOSE') streams.delete(stream)
  else if (request.kind === 'GROWN') reply({ stream, kind: 'GROWN', phrase: request.phrase, grown: listened.detection.grown(request.phrase) })
  else {
    if (request.kind === 'AUDIO') listened.audio.push(request.pcm)
    else listened.isFinishing = true
    await work(stream, listened)
  }
}

process.on('message', (request: DetectorRequest) => {
  handle(request).catch((error: Error) => {
    streams.delete(request.stream)
    reply({ stream: request.stream, kind: 'FAILED', message: error.message })
  })
})
process.on('disconnect', () => process.exit())
// A terminal's Ctrl-C and a service manager's stop reach every process of the group; the parent decides when we end.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
