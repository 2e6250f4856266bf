import type { IncomingMessage } from 'node:http'
import { readSound, type SoundOptions } from '../audio/read-audio.ts'
import type { ServedDeployment } from '../domain/endpoint.ts'
import type { RecognitionMode } from '../domain/recognition-mode.ts'
import { type Phrase, type RecognizerStream, recordingWaitMs, type StreamRequest } from '../recognition/recognizer-stream.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'
import { type PhraseOptions, writePhrases, writeSilence } from '../speech/phrase-json.ts'
import type { ProfanityFilter } from '../speech/profanity.ts'
import { openResumableStream } from '../speech/resumable-stream.ts'
import type { TurnResources } from '../speech/turn.ts'
import { unpackContent } from './content-encoding.ts'
import { RecordingPace, readChunks } from './read-body.ts'
import { addWarning } from './warnings.ts'

/** The result of a whole recording. */
export interface RecordingResult {
  phrases: Phrase[]
  /** True when the recording contains no speech. */
  isSilent: boolean
  /** Samples at 16 kHz. */
  heard: number
  seconds: number
  /** Sentences about defects of the recording that did not prevent its recognition. */
  warnings: string[]
}

/** A recording in its original encoding. */
export interface SentRecording extends Pick<SoundOptions, 'fileBytes' | 'contentType'> {
  body: AsyncIterable<Buffer>
  /** Measures the upload, if the recording is still arriving. */
  pace?: RecordingPace
}

export type RecordingRequest = Omit<StreamRequest, 'format' | 'interims'>

/** Recognizes a recording while it arrives. Backpressure of the recognizer reaches the sender's socket. */
export async function hearRecording(
  { recognizers, decoders, figures }: Pick<TurnResources, 'recognizers' | 'decoders' | 'figures'>,
  request: RecordingRequest,
  { body, pace, ...sent }: SentRecording,
  maxSeconds: number,
  signal: AbortSignal,
  onPhrase: (phrase: Phrase) => void = () => {},
): Promise<RecordingResult> {
  const recording = new RecordingStream(recognizers, request, onPhrase)
  const abort = () => recording.close(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  let seconds = 0
  const warnings = new Set<string>()
  const decoding = { workspaceId: request.workspaceId, waitMs: recordingWaitMs }
  try {
    for await (const sound of readSound(body, { ...sent, decoders, request: decoding, maxSeconds, signal, warn: (text) => addWarning(warnings, text) })) {
      signal.throwIfAborted()
      seconds = sound.seconds
      pace?.heard(seconds)
      await recording.write(sound.pcm, sound.format)
    }
    const heard = await recording.finish()
    figures.phrases += heard.phrases.length
    return { ...heard, seconds, warnings: [...warnings] }
  } finally {
    figures.audioSeconds += seconds
    signal.removeEventListener('abort', abort)
    recording.close(new Error('the recording has ended'))
  }
}

/** Sends one recording through a recognizer and collects its phrases. */
class RecordingStream {
  readonly #recognizers: Recognizers
  readonly #request: RecordingRequest
  readonly #onPhrase: (phrase: Phrase) => void
  readonly #phrases: Phrase[] = []
  readonly #ended = Promise.withResolvers<number>()
  #stream: RecognizerStream | undefined
  #drained = Promise.withResolvers<void>()
  #isSilent = true
  #isEnded = false

  constructor(recognizers: Recognizers, request: RecordingRequest, onPhrase: (phrase: Phrase) => void) {
    this.#recognizers = recognizers
    this.#request = request
    this.#onPhrase = onPhrase
    // The next `write` or `finish` throws the error; until then it must not be an unhandled rejection.
    this.#ended.promise.catch(() => {})
  }

  /** Resolves when the recognizer accepts more; rejects when the recognition has failed. */
  async write(pcm: Buffer, format: StreamRequest['format']): Promise<void> {
    if (this.#isEnded) return void (await this.#ended.promise)
    this.#stream ??= openResumableStream(
      this.#recognizers,
      { ...this.#request, format, interims: false },
      {
        event: (event) => {
          if (event.kind === 'PHRASE') this.#take(event.phrase)
          if (event.kind === 'SPEECH_START' || event.kind === 'PHRASE' || event.kind === 'NO_MATCH') this.#isSilent = false
          if (event.kind === 'ENDED') this.#end(() => this.#ended.resolve(event.heard))
        },
        drained: () => this.#drained.resolve(),
        failed: (error) => this.#end(() => this.#ended.reject(error)),
      },
      recordingWaitMs,
    )
    this.#drained = Promise.withResolvers()
    if (!this.#stream.write(pcm)) await Promise.race([this.#drained.promise, this.#ended.promise])
  }

  async finish(): Promise<Omit<RecordingResult, 'seconds' | 'warnings'>> {
    this.#stream?.finish()
    const heard = await this.#ended.promise
    return { phrases: this.#phrases, isSilent: this.#isSilent, heard }
  }

  close(reason: unknown): void {
    this.#stream?.close()
    this.#end(() => this.#ended.reject(reason))
  }

  #take(phrase: Phrase) {
    this.#phrases.push(phrase)
    this.#onPhrase(phrase)
  }

  #end(settle: () => void) {
    this.#isEnded = true
    settle()
    this.#drained.resolve()
  }
}

/** The recording in a request's body. Reading it throws if it arrives too slowly; see {@link RecordingPace}. */
export function readShortAudio(
  request: IncomingMessage,
  { recognizers, decoders }: Pick<TurnResources, 'recognizers' | 'decoders'>,
  signal: AbortSignal,
): SentRecording {
  const { 'content-type': contentType, 'content-length': length, 'content-encoding': encoding } = request.headers
  const pace = new RecordingPace(() => decoders.isContested || recognizers.usage().streamsWaiting > 0)
  const chunks = readChunks(request, { idleMs: 10_000, wholeMs: 90_000, pace }, signal)
  return { body: unpackContent(chunks, encoding), pace, contentType, fileBytes: length && !encoding ? Number(length) : undefined }
}

/**
 * The response of the Speech REST API for short audio. Offset and Duration count ticks of 100 ns.
 * https://learn.microsoft.com/azure/ai-services/speech-service/rest-speech-to-text-short
 */
export function toShortAudioJson({ phrases, isSilent, heard }: RecordingResult, options: PhraseOptions, filter: ProfanityFilter): object {
  if (phrases.length) return writePhrases(phrases, options, filter)
  const silence = isSilent ? writeSilence('InitialSilenceTimeout', heard) : writeSilence('NoMatch')
  return options.detailed ? { ...silence, DisplayText: undefined } : silence
}

/** Response headers that name the deployment, its revision, the models and the mode of the recognition. */
export const provenance = ({ deployment, revision, acousticModel, languageModel }: ServedDeployment, mode: RecognitionMode) => ({
  'x-deployment-id': deployment.id,
  'x-revision': revision,
  'x-acoustic-model-id': acousticModel.id,
  'x-language-model-id': languageModel.id,
  'x-recognition-mode': mode,
})
