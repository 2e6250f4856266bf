// What was tried with an endpoint: recordings and speech, both streamed, so that their text grows while they are heard.
import { useEffect, useRef, useState } from 'react'
import { toAddress } from '../base.ts'
import { type Microphone, openMicrophone } from './microphone.ts'
import type { SpeechMessage } from './protocol.ts'
import { recognizeRecording } from './recording.ts'
import { openSpeechStream, type SpeechStream } from './stream.ts'
import { toWav, wavHeader } from './wav.ts'

export interface Attempt {
  id: number
  name: string
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

const mostKept = 8
const ticksPerMs = 10_000

const speechPath = '/speech/recognition/'

/** The page may have come by another address of the server than the one its URLs are made with; the cookie is for this one. */
function onThisServer(url: string): string {
  const { pathname, search } = new URL(url)
  const path = pathname.slice(pathname.lastIndexOf(speechPath))
  return `${location.origin}${toAddress(path)}${search}`.replace(/^http/, 'ws')
}

export function useTryIt({ webSocketUrl, mode }: Urls) {
  const [attempts, setAttempts] = useState<readonly Attempt[]>([])
  const [listening, setListening] = useState<'no' | 'opening' | 'yes' | 'finishing'>('no')
  const [level, setLevel] = useState(0)
  const count = useRef(0)
  const open = useRef<{ microphone?: Microphone; stream?: SpeechStream }>({})
  const recordings = useRef({ canceling: new Set<AbortController>(), isOver: false })
  useEffect(() => {
    const { current } = open
    const { current: sending } = recordings
    sending.isOver = false
    return () => {
      current.microphone?.close()
      current.stream?.close()
      sending.isOver = true
      for (const each of sending.canceling) each.abort()
    }
  }, [])

  const begin = (name: string, cancel?: () => void) => {
    const id = ++count.current
    setAttempts((others) => [{ id, name, state: 'sending' as const, phrases: [], hypothesis: '', cancel }, ...others].slice(0, mostKept))
    return (change: (attempt: Attempt) => Partial<Attempt>) =>
      setAttempts((all) => all.map((attempt) => (attempt.id === id ? { ...attempt, ...change(attempt) } : attempt)))
  }

  async function sendFile(file: File) {
    const canceling = new AbortController()
    recordings.current.canceling.add(canceling)
    const change = begin(file.name, () => canceling.abort())
    try {
      const wav = await toWav(file)
      const began = performance.now()
      const { problem, isWhole } = await recognizeRecording(onThisServer(webSocketUrl), wav, canceling.signal, {
        sent: (sentBytes) => change(() => ({ sentBytes, sizeBytes: wav.size })),
        heard: (message) => change((attempt) => hear(attempt, message)),
      })
      // Where one utterance is wanted, the endpoint ends behind it.
      const isCut = !isWhole && mode !== 'INTERACTIVE' && !canceling.signal.aborted
      change(end(problem ?? (isCut ? 'The endpoint takes ten minutes at once. What comes after that was not recognized.' : undefined)))
      const latencyMs = performance.now() - began
      change((attempt) => (attempt.problem || canceling.signal.aborted ? {} : { latencyMs }))
    } catch (error) {
      change(end(error instanceof DOMException ? 'This browser cannot play the file. Send a WAV file of 16-bit PCM.' : String((error as Error).message)))
    }
    if (canceling.signal.aborted) change(() => ({ state: 'canceled' }))
    recordings.current.canceling.delete(canceling)
  }

  /** One after the other: the endpoint is shared with others. */
  async function sendFiles(files: readonly File[]) {
    const { current: sending } = recordings
    for (const file of files) if (!sending.isOver) await sendFile(file)
  }

  async function listen() {
    setListening('opening')
    const change = begin('Microphone')
    const close = (problem?: string) => {
      open.current.microphone?.close()
      open.current.stream?.close()
      open.current = {}
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

/** What was still a guess when it broke off is better than nothing. */
const end = (problem?: string) => (attempt: Attempt) => ({
  state: 'done' as const,
  hypothesis: '',
  phrases: attempt.hypothesis ? [...attempt.phrases, { id: -1, text: `${attempt.hypothesis} …` }] : attempt.phrases,
  cancel: undefined,
  ...(problem && { problem }),
})

const refusals: Record<string, string> = {
  TooManyRequests: 'The server recognizes as much as it can already. Try again in a moment.',
  BadRequest: 'The endpoint cannot use this audio.',
  Error: 'The endpoint failed to recognize this. Try again.',
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
