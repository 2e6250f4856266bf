// The child process that converts the audio of all streams and finds the phrases in it.
// It runs native code with one small model, and exits when its parent ends.
import type { Detected, DetectorReply, DetectorRequest } from './detector-messages.ts'
import { Detection } from './phrase-detector.ts'
import { openVoiceActivity } from './voice-activity.ts'

interface Listened {
  detection: Detection
  audio: Extract<DetectorRequest, { kind: 'AUDIO' }>[]
  isFinishing: boolean
  isBusy: boolean
}

const streams = new Map<number, Listened>()
const voiceActivity = openVoiceActivity()

function reply(message: DetectorReply) {
  if (process.connected) process.send?.(message)
}

async function work(stream: number, listened: Listened) {
  if (listened.isBusy) return
  listened.isBusy = true
  const isOpen = () => streams.get(stream) === listened
  while (isOpen()) {
    const next = listened.audio.shift()
    if (!next) break
    const { pcm, isFollowed } = next
    const isBehind = () => isFollowed || listened.audio.length > 0 || listened.isFinishing
    await listened.detection.hear(pcm, isBehind)
    if (isOpen()) reply({ stream, kind: 'HEARD', bytes: pcm.length, ...listened.detection.heard })
  }
  listened.isBusy = false
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
    const listened: Listened = { detection: new Detection(activity, request, found), audio: [], isFinishing: false, isBusy: false }
    streams.set(stream, listened)
    return
  }
  // Requests for closed streams are ignored.
  await voiceActivity
  const listened = streams.get(stream)
  if (!listened) return
  if (request.kind === 'CLOSE') streams.delete(stream)
  else if (request.kind === 'GROWN') reply({ stream, kind: 'GROWN', phrase: request.phrase, grown: listened.detection.grown(request.phrase) })
  else {
    if (request.kind === 'AUDIO') listened.audio.push(request)
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
// Ctrl-C in a terminal and the stop of a service manager reach every process of the group. Only the parent ends this one.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
