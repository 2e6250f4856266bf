// Clients of the official Speech SDK that record their events.
import {
  AudioConfig,
  AudioInputStream,
  AudioStreamFormat,
  CancellationErrorCode,
  CancellationReason,
  PullAudioInputStreamCallback,
  ResultReason,
  SpeechConfig,
  type SpeechRecognitionResult,
  SpeechRecognizer,
} from 'microsoft-cognitiveservices-speech-sdk'
import { onTestFinished } from 'vitest'

export type Told =
  | { kind: 'sessionStarted' }
  | { kind: 'sessionStopped' }
  | { kind: 'speechStart'; offset: number }
  | { kind: 'speechEnd'; offset: number }
  | { kind: 'recognizing'; text: string; offset: number; duration: number; at: number }
  | { kind: 'recognized'; reason: string; text: string; offset: number; duration: number; at: number; json: any }
  | { kind: 'canceled'; reason: string; code: string; details: string }

export const configFor = (webSocketUrl: string, key: string) => SpeechConfig.fromEndpoint(new URL(webSocketUrl), key)

/** The SDK by itself sends what is beyond five seconds at twice the speed of speech. */
export function sendAtOnce(config: SpeechConfig): SpeechConfig {
  config.setProperty('SPEECH-TransmitLengthBeforThrottleMs', '60000')
  return config
}

/** A recognizer that records its events. The end of the test closes it. */
export function openRecognizer(config: SpeechConfig, audio: AudioConfig) {
  const recognizer = new SpeechRecognizer(config, audio)
  const told: Told[] = []
  const waiting = new Set<() => void>()
  const tell = (one: Told) => {
    told.push(one)
    for (const wake of waiting) wake()
  }
  const began = performance.now()
  const at = () => performance.now() - began
  const place = (result: SpeechRecognitionResult) => ({ offset: result.offset / 1e7, duration: result.duration / 1e7 })
  recognizer.sessionStarted = () => tell({ kind: 'sessionStarted' })
  recognizer.sessionStopped = () => tell({ kind: 'sessionStopped' })
  recognizer.speechStartDetected = (_, event) => tell({ kind: 'speechStart', offset: event.offset / 1e7 })
  recognizer.speechEndDetected = (_, event) => tell({ kind: 'speechEnd', offset: event.offset / 1e7 })
  recognizer.recognizing = (_, { result }) => tell({ kind: 'recognizing', text: result.text, ...place(result), at: at() })
  recognizer.recognized = (_, { result }) =>
    tell({ kind: 'recognized', reason: ResultReason[result.reason] ?? '', text: result.text, ...place(result), at: at(), json: JSON.parse(result.json) })
  recognizer.canceled = (_, event) =>
    tell({
      kind: 'canceled',
      reason: CancellationReason[event.reason] ?? '',
      code: CancellationErrorCode[event.errorCode] ?? '',
      details: event.errorDetails ?? '',
    })

  const of = <K extends Told['kind']>(kind: K) => told.filter((one): one is Extract<Told, { kind: K }> => one.kind === kind)
  const until = (isDone: () => boolean) =>
    new Promise<void>((done) => {
      const check = () => {
        if (!isDone()) return
        waiting.delete(check)
        done()
      }
      waiting.add(check)
      check()
    })
  let isClosed = false
  const close = () =>
    new Promise<void>((done) => {
      if (isClosed) return done()
      isClosed = true
      recognizer.close(done, () => done())
    })
  onTestFinished(close)
  return {
    recognizer,
    told,
    of,
    until,
    close,
    phrases: () => of('recognized').filter(({ reason }) => reason === 'RecognizedSpeech'),
    text: () =>
      of('recognized')
        .map(({ text }) => text)
        .filter(Boolean)
        .join(' '),
    once: () => new Promise<SpeechRecognitionResult>((done, failed) => recognizer.recognizeOnceAsync(done, (error) => failed(new Error(error)))),
    start: () => new Promise<void>((done, failed) => recognizer.startContinuousRecognitionAsync(done, (error) => failed(new Error(error)))),
    stop: () => new Promise<void>((done, failed) => recognizer.stopContinuousRecognitionAsync(done, (error) => failed(new Error(error)))),
    /** Recognizes continuously until the audio's end. */
    async all() {
      await this.start()
      await until(() => of('sessionStopped').length > 0 || of('canceled').some(({ reason }) => reason === 'Error'))
      return told
    },
  }
}

/** Says once what the recording says. */
export async function recognizeOnce(config: SpeechConfig, audio: Buffer | AudioConfig) {
  const client = openRecognizer(config, audio instanceof AudioConfig ? audio : fileOf(audio))
  const result = await client.once()
  return { ...client, result, reason: ResultReason[result.reason], details: result.errorDetails }
}

export const fileOf = (wav: Buffer) => AudioConfig.fromWavFileInput(wav, 'test.wav')

/** The samples behind the header of our recordings. */
export const samplesOf = (wav: Buffer) => wav.subarray(44)

interface Speaking {
  rate?: number
  speed?: number
  /** From here on there is silence as long as the speaker holds back. */
  pause?: { at: number; isHeld(): boolean }
}

/** A stream that says the samples as a microphone would: a tenth of a second every tenth of a second. */
export function microphone(samples: Buffer, { rate = 16_000, speed = 1, pause }: Speaking = {}) {
  const stream = AudioInputStream.createPushStream(AudioStreamFormat.getWaveFormatPCM(rate, 16, 1))
  let at = 0
  let held = 0
  const began = performance.now()
  const piece = rate / 5
  let isOver = false
  const say = () => {
    while (at < samples.length && performance.now() - began >= ((at + held) / piece) * (100 / speed)) {
      const isHeld = pause && at >= pause.at && pause.isHeld()
      stream.write(toArrayBuffer(isHeld ? Buffer.alloc(piece) : samples.subarray(at, at + piece)))
      if (isHeld) held += piece
      else at += piece
    }
    if (isOver) return
    if (at < samples.length) timer = setTimeout(say, 20)
    else {
      isOver = true
      stream.close()
    }
  }
  let timer = setTimeout(say, 0)
  onTestFinished(() => {
    isOver = true
    clearTimeout(timer)
  })
  return { audio: AudioConfig.fromStreamInput(stream), began }
}

/** A stream whose audio is all there. */
export function pushed(samples: Buffer, rate = 16_000, channels = 1) {
  const stream = AudioInputStream.createPushStream(AudioStreamFormat.getWaveFormatPCM(rate, 16, channels))
  stream.write(toArrayBuffer(samples))
  stream.close()
  return AudioConfig.fromStreamInput(stream)
}

export function pulled(samples: Buffer) {
  let at = 0
  class Source extends PullAudioInputStreamCallback {
    override read(buffer: ArrayBuffer) {
      const part = samples.subarray(at, at + buffer.byteLength)
      new Uint8Array(buffer).set(part)
      at += part.length
      return part.length
    }
    override close() {}
  }
  return AudioConfig.fromStreamInput(AudioInputStream.createPullStream(new Source(), AudioStreamFormat.getWaveFormatPCM(16_000, 16, 1)))
}

export const silence = (seconds: number) => Buffer.alloc(Math.round(seconds * 16_000) * 2)

const toArrayBuffer = (bytes: Buffer) => new Uint8Array(bytes).buffer
