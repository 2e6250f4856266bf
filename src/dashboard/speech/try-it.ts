// What was tried with an endpoint: recordings that were posted, speech that was streamed.
import { useEffect, useRef, useState } from 'react'
import { ownHeaders } from '../session.ts'
import { type Microphone, openMicrophone } from './microphone.ts'
import type { SpeechMessage } from './protocol.ts'
import { openSpeechStream, type SpeechStream } from './stream.ts'
import { toWav } from './wav.ts'

export interface Attempt {
  id: number
  name: string
  state: 'sending' | 'done'
  phrases: readonly { id: number; text: string }[]
  hypothesis: string
  problem?: string
  /** From the end of the request, or of the last word, to its text. */
  latencyMs?: number
  audioMs?: number
}

interface Urls {
  httpUrl: string
  webSocketUrl: string
}

const mostKept = 8
const ticksPerMs = 10_000

/** The page may have come by another name of the server than the one its URLs are made with; the cookie is for this one. */
function onThisOrigin(url: string): string {
  const { pathname, search } = new URL(url)
  return `${location.origin}${pathname}${search}`
}

export function useTryIt({ httpUrl, webSocketUrl }: Urls) {
  const [attempts, setAttempts] = useState<readonly Attempt[]>([])
  const [listening, setListening] = useState<'no' | 'opening' | 'yes' | 'finishing'>('no')
  const [level, setLevel] = useState(0)
  const count = useRef(0)
  const open = useRef<{ microphone?: Microphone; stream?: SpeechStream }>({})
  useEffect(() => {
    const { current } = open
    return () => {
      current.microphone?.close()
      current.stream?.close()
    }
  }, [])

  const begin = (name: string) => {
    const id = ++count.current
    setAttempts((others) => [{ id, name, state: 'sending' as const, phrases: [], hypothesis: '' }, ...others].slice(0, mostKept))
    return (change: (attempt: Attempt) => Partial<Attempt>) =>
      setAttempts((all) => all.map((attempt) => (attempt.id === id ? { ...attempt, ...change(attempt) } : attempt)))
  }

  async function sendFile(file: File) {
    const change = begin(file.name)
    try {
      const answer = await post(onThisOrigin(httpUrl), await toWav(file))
      change(() => ({ state: 'done', ...answer }))
    } catch (error) {
      const problem = error instanceof DOMException ? 'This browser cannot play the file. Send a WAV file of 16-bit PCM.' : String((error as Error).message)
      change(() => ({ state: 'done', problem }))
    }
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
      change(({ hypothesis, phrases }) => ({
        state: 'done',
        hypothesis: '',
        // What was still a guess when the connection broke is better than nothing.
        phrases: hypothesis && problem ? [...phrases, { id: -1, text: `${hypothesis} …` }] : phrases,
        ...(problem && { problem }),
      }))
    }
    try {
      let began = 0
      const microphone = await openMicrophone((pcm, loudness) => {
        began ||= performance.now() - 100
        setLevel(loudness)
        open.current.stream?.send(pcm)
      })
      const stream = openSpeechStream(onThisOrigin(webSocketUrl).replace(/^http/, 'ws'), microphone.sampleRate, {
        opened: () => setListening('yes'),
        heard: (message) => change((attempt) => hear(attempt, message, began)),
        ended: close,
      })
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

  return { attempts, listening, level, sendFile, listen, finish }
}

interface Answer {
  RecognitionStatus?: string
  DisplayText?: string
  Duration?: number
  Offset?: number
  detail?: string
}

async function post(url: string, wav: Blob): Promise<Partial<Attempt>> {
  const began = performance.now()
  const response = await fetch(url, { method: 'POST', headers: { ...ownHeaders, 'content-type': 'audio/wav' }, body: wav }).catch(() => {
    throw new Error('The endpoint does not answer. Is the server running?')
  })
  const answer = (await response.json().catch(() => ({}))) as Answer
  const latencyMs = performance.now() - began
  if (!response.ok) return { problem: answer.detail ?? `The endpoint answered ${response.status}.` }
  const text = answer.DisplayText
  return { latencyMs, phrases: text ? [{ id: 0, text }] : [], ...(answer.Duration && { audioMs: ((answer.Offset ?? 0) + answer.Duration) / ticksPerMs }) }
}

const refusals: Record<string, string> = {
  TooManyRequests: 'The server recognizes as much as it can already. Try again in a moment.',
  BadRequest: 'The endpoint cannot use this audio.',
  Error: 'The endpoint failed to recognize this. Try again.',
}

/** `began` is when the first sample was spoken, by this page's clock. */
function hear(attempt: Attempt, message: SpeechMessage, began: number): Partial<Attempt> {
  if (message.path === 'speech.hypothesis') return { hypothesis: message.Text }
  if (message.path !== 'speech.phrase') return {}
  const problem = refusals[message.RecognitionStatus]
  if (problem) return { hypothesis: '', problem }
  if (message.RecognitionStatus !== 'Success' || !message.DisplayText) return { hypothesis: '' }
  const end = (message.Offset + message.Duration) / ticksPerMs
  return {
    hypothesis: '',
    phrases: [...attempt.phrases, { id: attempt.phrases.length, text: message.DisplayText }],
    latencyMs: performance.now() - began - end,
    audioMs: end,
  }
}
