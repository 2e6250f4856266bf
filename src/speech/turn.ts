import { AudioError } from '../audio/audio-error.ts'
import type { Decoders } from '../audio/decoders.ts'
import { sampleRate } from '../audio/pcm.ts'
import { ModelUnusableError, type RecognizerModel } from '../decoding/recognizer-model.ts'
import { ProblemError } from '../http/problem.ts'
import { explainUnavailable } from '../postgres/unavailable.ts'
import { RecognizerCrashedError, RecognizersBusyError } from '../recognition/recognizer-errors.ts'
import type { RecognizerStream, StreamEvent } from '../recognition/recognizer-stream.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'
import { toProblem } from './audio-problem.ts'
import { type Counters, countProblem } from './counters.ts'
import { detailedAlternatives, type RecognitionOptions } from './options.ts'
import { toTicks, writePhrases, writeSilence } from './phrase-json.ts'
import type { ProfanityFilter } from './profanity.ts'
import type { ServerMessage } from './protocol.ts'
import { openResumableStream } from './resumable-stream.ts'
import { TurnAudio } from './turn-audio.ts'

/** The resources of the process that turns share. */
export interface TurnResources {
  recognizers: Recognizers
  decoders: Decoders
  filter: ProfanityFilter
  figures: Counters
}

export interface TurnRequest {
  requestId: string
  workspaceId: string
  deploymentId: string
  model: RecognizerModel
  options: RecognitionOptions
  serviceTag: string
  /** The number of the revision of the deployment. */
  revision: number
  warning: string | undefined
}

/** Receives the results of a turn. */
export interface TurnListener {
  send(message: ServerMessage): void
  /** A phrase was sent. The session can end here without a loss of audio. */
  sentPhrase(): void
  /** The turn accepts more audio. */
  drained(): void
  /** The turn failed with an error that the user should read. */
  failed(error: unknown): void
  /** The recognizer crashed; the client still has the audio and can send it again. */
  lost(): void
}

/** The longest wait for a recognizer slot. A live speaker sees no text meanwhile. */
const waitMs = 5_000
/** A longer turn ends after its next phrase; continuous clients begin another turn. */
const maxTurnSeconds = 600

//  turn.start ─▶ startDetected ─▶ (hypothesis* ─▶ phrase)* ─▶ endDetected ─▶ turn.end
/** One recognition of a client: its audio from the first byte to the last, and its results. */
export class Turn {
  readonly requestId: string
  readonly #request: TurnRequest
  readonly #resources: TurnResources
  readonly #listener: TurnListener
  readonly #audio: TurnAudio
  #stream: RecognizerStream | undefined
  #phrases = 0
  #hasSpeech = false
  #hasSentEnd = false
  /** The end of the last speech, in samples. */
  #speechEnd: number | undefined
  #counted = 0
  #state: 'HEARING' | 'FINISHING' | 'ENDED' = 'HEARING'

  constructor(request: TurnRequest, resources: TurnResources, listener: TurnListener) {
    this.requestId = request.requestId
    this.#request = request
    this.#resources = resources
    this.#listener = listener
    this.#audio = new TurnAudio(
      resources.decoders,
      { workspaceId: request.workspaceId, waitMs },
      {
        sound: (pcm, format) => this.#write(pcm, format),
        ended: () => (this.#stream ? this.#stream.finish() : this.#endInSilence(0)),
        drained: () => listener.drained(),
        failed: (error) => this.#fail(error),
      },
    )
    const { serviceTag, revision, warning } = request
    listener.send({ path: 'turn.start', body: { context: { serviceTag, revision, ...(warning && { warning }) } } })
  }

  get isEnded(): boolean {
    return this.#state === 'ENDED'
  }

  /** True when the client has sent all audio. It does not send it again. */
  get isFinishing(): boolean {
    return this.#state === 'FINISHING'
  }

  /** True when all audio that the WAV header announced has arrived. The message that ends the audio is optional then. */
  get isComplete(): boolean {
    return this.#state === 'HEARING' && this.#audio.isComplete
  }

  /** Seconds of audio received. */
  get seconds(): number {
    return this.#audio.seconds
  }

  /** False when the client should pause until `drained`. */
  hear(audio: Buffer): boolean {
    return this.#state !== 'HEARING' || this.#audio.hear(audio)
  }

  /** Ends the audio. */
  finish(): void {
    if (this.#state !== 'HEARING') return
    this.#state = 'FINISHING'
    this.#audio.finish()
  }

  /** Releases the turn; no result follows. */
  close(): void {
    this.#state = 'ENDED'
    this.#audio.close()
    this.#stream?.close()
    this.#stream = undefined
  }

  /** Ends the turn with TooManyRequests. The Speech SDK has a text of its own for it; the native SDK shows `reason` too. */
  refuseAsBusy(reason: string): void {
    this.#sendPhrase({ ...writeSilence('TooManyRequests'), Reason: reason })
    this.close()
    this.#listener.send({ path: 'turn.end' })
  }

  #write(pcm: Buffer, format: { sampleRate: number; channels: number }): boolean {
    if (this.isEnded) return true
    this.#stream ??= this.#open(format)
    this.#count()
    return this.#stream.write(pcm)
  }

  #open(format: { sampleRate: number; channels: number }): RecognizerStream {
    const { model, workspaceId, deploymentId, options } = this.#request
    const { mode, listening, interims, wordTimings, phrases } = options
    const alternatives = options.detailed ? detailedAlternatives : 1
    const request = { model, workspaceId, deploymentId, mode, listening, format, interims, alternatives, wordTimings, phrases }
    return openResumableStream(
      this.#resources.recognizers,
      request,
      {
        event: (event) => this.#handle(event),
        drained: () => this.#audio.drained(),
        failed: (error) => this.#fail(error),
      },
      waitMs,
    )
  }

  #handle(event: StreamEvent) {
    if (this.isEnded) return
    const { filter } = this.#resources
    const { options } = this.#request
    switch (event.kind) {
      case 'SPEECH_START':
        if (!this.#hasSpeech) this.#listener.send({ path: 'speech.startDetected', body: { Offset: toTicks(event.offset) } })
        this.#hasSpeech = true
        return
      case 'HYPOTHESIS': {
        const span = { Offset: toTicks(event.offset), Duration: toTicks(event.duration) }
        return this.#listener.send({ path: 'speech.hypothesis', body: { Text: filter(event.text, options.profanity), ...span, ...options.annotations } })
      }
      case 'PHRASE':
        this.#resources.figures.phrases++
        this.#sendPhrase(writePhrases([event.phrase], options, filter))
        return this.#passBoundary()
      case 'NO_MATCH':
        this.#sendPhrase(writeSilence('NoMatch', event.offset, event.duration))
        return this.#passBoundary()
      case 'SPEECH_END':
        this.#speechEnd = event.offset
        if (options.listening.firstPhraseOnly) this.#sendSpeechEnd(event.offset)
        return
      case 'INITIAL_SILENCE':
        return this.#sendPhrase(writeSilence('InitialSilenceTimeout', event.heard))
      case 'ENDED':
        return this.#endInSilence(event.heard)
    }
  }

  #endInSilence(heard: number) {
    this.#sendSpeechEnd(heard)
    if (this.#phrases === 0) this.#sendPhrase(writeSilence('InitialSilenceTimeout', heard))
    else if (!this.#request.options.listening.firstPhraseOnly) this.#sendPhrase(writeSilence('EndOfDictation', heard))
    this.#end()
  }

  #sendPhrase(phrase: object) {
    this.#phrases++
    const { annotations } = this.#request.options
    this.#listener.send({ path: 'speech.phrase', body: { Id: crypto.randomUUID().replaceAll('-', ''), ...phrase, ...annotations } })
  }

  /** Sends speech.endDetected once in a turn: native clients stop their microphone at it until the turn has ended. */
  #sendSpeechEnd(heard: number) {
    if (this.#hasSentEnd) return
    this.#hasSentEnd = true
    this.#listener.send({ path: 'speech.endDetected', body: { Offset: toTicks(this.#speechEnd ?? heard) } })
  }

  /** Between two phrases a turn can end without a loss of audio, as long as the client still sends. */
  #passBoundary() {
    if (this.isFinishing || this.isComplete || this.isEnded || !this.#audio.isContinuable || this.#request.options.listening.firstPhraseOnly) return
    this.#listener.sentPhrase()
    if (this.seconds > maxTurnSeconds && !this.isEnded) this.#end()
  }

  #end() {
    if (this.isEnded) return
    this.#sendSpeechEnd(Math.round(this.seconds * sampleRate))
    this.close()
    this.#listener.send({ path: 'turn.end' })
  }

  #fail(error: unknown) {
    if (this.isEnded) return
    const canSendAgain = this.#state === 'HEARING' && !this.isComplete
    const problem = explainFailure(error)
    if (problem?.status === 429) {
      countProblem(this.#resources.figures, problem.code)
      return this.refuseAsBusy(`${problem.code}: ${problem.message}`)
    }
    this.close()
    if (error instanceof RecognizerCrashedError && canSendAgain) return this.#listener.lost()
    this.#listener.failed(error)
  }

  #count() {
    const { seconds } = this.#audio
    this.#resources.figures.audioSeconds += seconds - this.#counted
    this.#counted = seconds
  }
}

/** The problem for an expected error of recognition; undefined for any other error. */
export function explainFailure(error: unknown): ProblemError | undefined {
  if (error instanceof ProblemError) return error
  if (error instanceof AudioError) return toProblem(error)
  if (error instanceof RecognizersBusyError) return new ProblemError(429, 'TOO_MANY_REQUESTS', error.message, { headers: { 'retry-after': '1' } })
  if (error instanceof ModelUnusableError) return new ProblemError(503, 'MODEL_UNUSABLE', `The deployment's model cannot be used: ${error.message}`)
  if (error instanceof RecognizerCrashedError) return new ProblemError(503, 'RECOGNIZER_CRASHED', 'The recognizer crashed during the recognition. Try again.')
  const unavailable = explainUnavailable(error)
  return unavailable && new ProblemError(503, unavailable.code, unavailable.message, { headers: { 'retry-after': String(unavailable.retryAfterSeconds) } })
}
