// One stream of speech to an endpoint: audio in, hypotheses and phrases out.
import { decode, encodeAudio, encodeText, newRequestId, type SpeechMessage } from './protocol.ts'
import { wavHeader } from './wav.ts'

export interface SpeechStream {
  /** 16-bit PCM, one channel. */
  send(pcm: Uint8Array): void
  /** No more audio: what was said so far is still answered. */
  finish(): void
  close(): void
}

interface Listener {
  opened(): void
  heard(message: SpeechMessage): void
  /** The end, with the reason in words when it is not the good one. */
  ended(problem?: string): void
}

/** Audio that waits for the socket to open: ten seconds, more than anyone would. */
const mostWaiting = 100
const finishMs = 20_000

export function openSpeechStream(url: string, sampleRate: number, listener: Listener): SpeechStream {
  const requestId = newRequestId()
  const socket = new WebSocket(url)
  const waiting: Uint8Array<ArrayBuffer>[] = []
  let isOver = false
  let giveUp: ReturnType<typeof setTimeout> | undefined

  const end = (problem?: string) => {
    if (isOver) return
    isOver = true
    clearTimeout(giveUp)
    socket.close(1000)
    listener.ended(problem)
  }
  const send = (message: Uint8Array<ArrayBuffer>) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(message)
    else if (socket.readyState === WebSocket.CONNECTING && waiting.length < mostWaiting) waiting.push(message)
  }

  socket.onopen = () => {
    socket.send(encodeText('speech.config', requestId, { context: { system: { name: 'custom-speech-dashboard', version: '1' } } }))
    socket.send(encodeText('speech.context', requestId, {}))
    socket.send(encodeAudio(requestId, wavHeader(sampleRate)))
    for (const message of waiting.splice(0)) socket.send(message)
    listener.opened()
  }
  socket.onmessage = ({ data }) => {
    const message = typeof data === 'string' ? decode(data, requestId) : undefined
    if (!message) return
    listener.heard(message)
    if (message.path === 'turn.end') end()
  }
  socket.onclose = ({ reason }) => end(reason || 'The connection to the endpoint was closed. Try again.')

  return {
    send: (pcm) => send(encodeAudio(requestId, pcm)),
    finish() {
      send(encodeAudio(requestId, new Uint8Array()))
      giveUp = setTimeout(() => end('The endpoint did not answer the end of the recording.'), finishMs)
    },
    close: () => end(),
  }
}
