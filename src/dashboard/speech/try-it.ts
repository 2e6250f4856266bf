// Attempts with an endpoint: recordings and speech, both streamed, so that their text grows while they are heard.
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
  /** When it began, by `Date.now()`. */
  began: number
  state: 'sending' | 'done' | 'canceled'
  phrases: readonly { id: number; text: string }[]
  hypothesis: string
  problem?: string
  /** Of a recording from its first byte to the end of the answer, of speech from the last word to its text. */
  latencyMs?: number
  audioMs?: number
  /** Of a recording. */
  sentBytes?: number
  sizeBytes?: number
  /** Ends a recording that is still sent or recognized. */
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

/** The page may have come by another address of the server than the one its URLs are made with; the cookie is for this one. */
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
      // Where one utterance is wanted, the endpoint ends behind it.
      const isCut = !isWhole && mode !== 'INTERACTIVE' && !ending.signal.aborted
      // Where it was refused, that is why not all of it was taken.
      change((attempt) =>
        end(problem ?? (isCut && !attempt.problem ? 'The endpoint takes ten minutes at once. The rest was not recognized.' : undefined))(attempt),
      )
      const latencyMs = performance.now() - began
      change((attempt) => (attempt.problem || ending.signal.aborted ? {} : { latencyMs }))
    } catch (error) {
      change(end(error instanceof DOMException ? 'This browser cannot play the file. Choose a WAV file with 16-bit PCM.' : String((error as Error).message)))
    }
    if (ending.signal.aborted) change(() => ({ state: 'canceled' }))
    canceling.current.delete(ending)
  }

  /** One after the other: the endpoint is shared with others. */
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
      // The page was left while the browser asked whether it may.
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

/** Closes the microphone and the stream. A stream that ends by that finds nothing left to close. */
function release(open: { current: OpenAudio }) {
  const { microphone, stream } = open.current
  open.current = {}
  microphone?.close()
  stream?.close()
}

/** A hypothesis that was not confirmed before the end is better than nothing. */
const end = (problem?: string) => (attempt: Attempt) => ({
  state: 'done' as const,
  hypothesis: '',
  phrases: attempt.hypothesis ? [...attempt.phrases, { id: -1, text: `${attempt.hypothesis} …` }] : attempt.phrases,
  cancel: undefined,
  ...(problem && { problem }),
})

const refusals: Record<string, string> = {
  TooManyRequests: 'The server is busy. Try again in a moment.',
  BadRequest: 'The endpoint cannot use this audio.',
  Error: 'Recognition failed. Try again.',
}

/** `began` is when the first sample was spoken, by this page's clock; a recording has been spoken before. */
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
