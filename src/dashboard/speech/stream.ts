// The client's half of a speech session: sends one stream of audio, receives hypotheses and phrases.
import { decode, encodeAudio, encodeText, newRequestId, type SpeechMessage } from './protocol.ts'

export interface SpeechStream {
  /** Sends the next bytes of a WAV file: its header first, then samples. */
  send(wav: Uint8Array): void
  /** Bytes that have not left the socket yet. */
  readonly unsentBytes: number
  /** Ends the audio. Messages about it still arrive. */
  finish(): void
  close(): void
}

interface SpeechListener {
  opened(): void
  heard(message: SpeechMessage): void
  /** Called once at the end, after a failure with a sentence for the user. */
  ended(problem?: string): void
}

/** Chunks that wait for the socket to open: ten seconds of audio. */
const maxWaiting = 100
/** The maximum pause between messages after the end of the audio. */
const finishTimeoutMs = 30_000

export function openSpeechStream(url: string, listener: SpeechListener): SpeechStream {
  const requestId = newRequestId()
  const socket = new WebSocket(url)
  const waiting: Uint8Array<ArrayBuffer>[] = []
  let isOver = false
  let isFinishing = false
  let timeout: ReturnType<typeof setTimeout> | undefined

  const end = (problem?: string) => {
    if (isOver) return
    isOver = true
    clearTimeout(timeout)
    socket.close(1000)
    listener.ended(problem)
  }
  const awaitEnd = () => {
    clearTimeout(timeout)
    timeout = setTimeout(() => end('The endpoint did not answer in time. Try again.'), finishTimeoutMs)
  }
  const send = (message: Uint8Array<ArrayBuffer>) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(message)
    else if (socket.readyState === WebSocket.CONNECTING && waiting.length < maxWaiting) waiting.push(message)
  }

  socket.onopen = () => {
    socket.send(encodeText('speech.config', requestId, { context: { system: { name: 'custom-speech-dashboard', version: '1' } } }))
    socket.send(encodeText('speech.context', requestId, {}))
    for (const message of waiting.splice(0)) socket.send(message)
    listener.opened()
  }
  socket.onmessage = ({ data }) => {
    const message = typeof data === 'string' ? decode(data, requestId) : undefined
    if (!message) return
    listener.heard(message)
    if (message.path === 'turn.end') end()
    else if (isFinishing) awaitEnd()
  }
  socket.onclose = ({ reason }) => end(reason.replace(/^[A-Z_]+: /, '') || 'The connection to the endpoint was closed. Try again.')

  return {
    send: (wav) => send(encodeAudio(requestId, wav)),
    get unsentBytes() {
      return socket.bufferedAmount + waiting.reduce((sum, { length }) => sum + length, 0)
    },
    finish() {
      send(encodeAudio(requestId, new Uint8Array()))
      isFinishing = true
      awaitEnd()
    },
    close: () => end(),
  }
}
