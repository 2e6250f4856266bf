// One stream of speech to an endpoint: audio in, hypotheses and phrases out.
import { decode, encodeAudio, encodeText, newRequestId, type SpeechMessage } from './protocol.ts'

export interface SpeechStream {
  /** The next bytes of a WAV file: its header first, then samples. */
  send(wav: Uint8Array): void
  /** Bytes that the endpoint has not taken yet. */
  readonly unsentBytes: number
  /** Ends the audio; its text is still on the way. */
  finish(): void
  close(): void
}

interface SpeechListener {
  opened(): void
  heard(message: SpeechMessage): void
  /** The end, with the reason in words when it is not the good one. */
  ended(problem?: string): void
}

/** Audio that waits for the socket to open: ten seconds, more than anyone would. */
const maxWaiting = 100
/** The endpoint says nothing more, though everything has been sent. */
const finishMs = 30_000

export function openSpeechStream(url: string, listener: SpeechListener): SpeechStream {
  const requestId = newRequestId()
  const socket = new WebSocket(url)
  const waiting: Uint8Array<ArrayBuffer>[] = []
  let isOver = false
  let isFinishing = false
  let giveUp: ReturnType<typeof setTimeout> | undefined

  const end = (problem?: string) => {
    if (isOver) return
    isOver = true
    clearTimeout(giveUp)
    socket.close(1000)
    listener.ended(problem)
  }
  const awaitEnd = () => {
    clearTimeout(giveUp)
    giveUp = setTimeout(() => end('The endpoint did not answer in time. Try again.'), finishMs)
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
