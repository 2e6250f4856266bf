// Attempts with an endpoint: recordings and speech from the microphone. Both are streamed, so that the text grows during recognition.
import { useEffect, useRef, useState } from 'react'
import { withBase } from '../base.ts'
import { type Microphone, openMicrophone } from './microphone.ts'
import type { SpeechMessage } from './protocol.ts'
import { recognizeRecording } from './recording.ts'
import { openSpeechStream, type SpeechStream } from './stream.ts'
import { toWav, wavHeader } from './wav.ts'

export interface Attempt {
  id: number
  name: string
  /** The start, as `Date.now()`. */
  began: number
  state: 'sending' | 'done' | 'canceled'
  phrases: readonly { id: number; text: string }[]
  hypothesis: string
  problem?: string
  /** For a recording, from its first byte to the end of the answer; for speech, from the end of the last phrase to its text. */
  latencyMs?: number
  audioMs?: number
  /** For recordings only. */
  sentBytes?: number
  sizeBytes?: number
  /** Cancels a recording that is being sent or recognized. */
  cancel?: (() => void) | undefined
}

interface Urls {
  webSocketUrl: string
  mode?: string
}

interface OpenAudio {
  microphone?: Microphone
  stream?: SpeechStream
}

const maxKept = 8
const ticksPerMs = 10_000

const speechPath = '/speech/recognition/'

/** Replaces the origin of an endpoint URL by that of this page. The cookie is valid here, and PUBLIC_URL can differ. */
function onThisServer(url: string): string {
  const { pathname, search } = new URL(url)
  const path = pathname.slice(pathname.lastIndexOf(speechPath))
  return `${location.origin}${withBase(path)}${search}`.replace(/^http/, 'ws')
}

export function useTryIt({ webSocketUrl, mode }: Urls) {
  const [attempts, setAttempts] = useState<readonly Attempt[]>([])
  const [listening, setListening] = useState<'no' | 'opening' | 'yes' | 'finishing'>('no')
  const [level, setLevel] = useState(0)
  const count = useRef(0)
  const open = useRef<OpenAudio>({})
  const canceling = useRef(new Set<AbortController>())
  const isOver = useRef(false)
  useEffect(() => {
    isOver.current = false
    return () => {
      isOver.current = true
      release(open)
      for (const each of canceling.current) each.abort()
    }
  }, [])

  const begin = (name: string, cancel?: () => void) => {
    const id = ++count.current
    setAttempts((others) => [{ id, name, began: Date.now(), state: 'sending' as const, phrases: [], hypothesis: '', cancel }, ...others].slice(0, maxKept))
    return (change: (attempt: Attempt) => Partial<Attempt>) =>
      setAttempts((all) => all.map((attempt) => (attempt.id === id ? { ...attempt, ...change(attempt) } : attempt)))
  }

  async function sendFile(file: File) {
    const ending = new AbortController()
    canceling.current.add(ending)
    const change = begin(file.name, () => ending.abort())
    try {
      const wav = await toWav(file)
      const began = performance.now()
      const { problem, isWhole } = await recognizeRecording(onThisServer(webSocketUrl), wav, ending.signal, {
        sent: (sentBytes) => change(() => ({ sentBytes, sizeBytes: wav.size })),
        heard: (message) => change((attempt) => hear(attempt, message)),
      })
      // In interactive mode the endpoint ends the turn after one utterance.
      const isCut = !isWhole && mode !== 'INTERACTIVE' && !ending.signal.aborted
      // A refusal already explains why the recording was cut.
      change((attempt) =>
        end(problem ?? (isCut && !attempt.problem ? 'The endpoint recognizes at most ten minutes of a recording. The rest was not recognized.' : undefined))(
          attempt,
        ),
      )
      const latencyMs = performance.now() - began
      change((attempt) => (attempt.problem || ending.signal.aborted ? {} : { latencyMs }))
    } catch (error) {
      change(end(error instanceof DOMException ? 'This browser cannot play the file. Choose a WAV file with 16-bit PCM.' : String((error as Error).message)))
    }
    if (ending.signal.aborted) change(() => ({ state: 'canceled' }))
    canceling.current.delete(ending)
  }

  /** Sends files one after another, because other clients share the endpoint. */
  async function sendFiles(files: readonly File[]) {
    for (const file of files) if (!isOver.current) await sendFile(file)
  }

  async function listen() {
    setListening('opening')
    const change = begin('Microphone')
    const close = (problem?: string) => {
      release(open)
      setListening('no')
      setLevel(0)
      change(end(problem))
    }
    try {
      let began = 0
      const microphone = await openMicrophone((pcm, loudness) => {
        began ||= performance.now() - 100
        setLevel(loudness)
        open.current.stream?.send(pcm)
      })
      // The user left the page while the browser asked for permission.
      if (isOver.current) return microphone.close()
      open.current = { microphone }
      const stream = openSpeechStream(onThisServer(webSocketUrl), {
        opened: () => setListening('yes'),
        heard: (message) => change((attempt) => hear(attempt, message, began)),
        ended: close,
      })
      stream.send(wavHeader(microphone.sampleRate))
      open.current = { microphone, stream }
    } catch (error) {
      close(String((error as Error).message))
    }
  }

  function finish() {
    setListening('finishing')
    const { microphone, ...rest } = open.current
    open.current = rest
    microphone?.close()
    rest.stream?.finish()
  }

  return { attempts, listening, level, sendFiles, listen, finish }
}

/** Closes the microphone and the stream. */
function release(open: { current: OpenAudio }) {
  const { microphone, stream } = open.current
  open.current = {}
  microphone?.close()
  stream?.close()
}

/** Keeps a hypothesis that has no final text, marked with an ellipsis. */
const end = (problem?: string) => (attempt: Attempt) => ({
  state: 'done' as const,
  hypothesis: '',
  phrases: attempt.hypothesis ? [...attempt.phrases, { id: -1, text: `${attempt.hypothesis} …` }] : attempt.phrases,
  cancel: undefined,
  ...(problem && { problem }),
})

const refusals: Record<string, string> = {
  TooManyRequests: 'The server is busy. Try again in a moment.',
  BadRequest: 'The endpoint cannot use this audio. Choose another recording.',
  Error: 'Recognition failed. Try again.',
}

/** `began` is the time of the first sample, as `performance.now()`; undefined for recordings. */
function hear(attempt: Attempt, message: SpeechMessage, began?: number): Partial<Attempt> {
  if (message.path === 'speech.hypothesis') return { hypothesis: message.Text }
  if (message.path !== 'speech.phrase') return {}
  const problem = refusals[message.RecognitionStatus]
  if (problem) return { hypothesis: '', problem }
  if (message.RecognitionStatus !== 'Success' || !message.DisplayText) return { hypothesis: '' }
  const endMs = (message.Offset + message.Duration) / ticksPerMs
  return {
    hypothesis: '',
    phrases: [...attempt.phrases, { id: attempt.phrases.length, text: message.DisplayText }],
    ...(began !== undefined && { latencyMs: performance.now() - began - endMs }),
    audioMs: endMs,
  }
}
