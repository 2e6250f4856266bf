import { AudioError } from '../audio/audio-error.ts'
import type { Decoders } from '../audio/decoders.ts'
import { sampleRate } from '../audio/pcm.ts'
import { ModelUnusableError, type RecognizerModel } from '../decoding/recognizer-model.ts'
import { explainUnavailable } from '../postgres/unavailable.ts'
import { RecognizerCrashedError, RecognizersBusyError } from '../recognition/recognizer-errors.ts'
import type { RecognizerStream, StreamEvent } from '../recognition/recognizer-stream.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'
import { toProblem } from './audio-problem.ts'
import { type Counters, countProblem } from './counters.ts'
import { detailedAlternatives, type Options } from './options.ts'
import { toTicks, writePhrases, writeSilence } from './phrase-json.ts'
import { SpeechProblem } from './problem.ts'
import type { ProfanityFilter } from './profanity.ts'
import type { ServerMessage } from './protocol.ts'
import { openResumableStream } from './resumable-stream.ts'
import { TurnAudio } from './turn-audio.ts'

/** What a turn needs of the process. */
export interface Hearing {
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
  options: Options
  serviceTag: string
  warning: string | undefined
}

/** What a turn tells the session that it belongs to. */
export interface TurnListener {
  send(message: ServerMessage): void
  /** A phrase has been told: a client that is sent away now loses nothing. */
  toldPhrase(): void
  /** More audio can be taken. */
  drained(): void
  /** The turn cannot go on, for a reason that the user should read. */
  failed(error: unknown): void
  /** The recognizer is gone, but the client still has the audio and may send it again. */
  lost(): void
}

/** Nobody should speak for longer into the void. */
const waitMs = 5_000
/** A turn that goes on for longer ends behind its next phrase; continuous clients begin another one. */
const maxTurnSeconds = 600

//  turn.start ─▶ startDetected ─▶ (hypothesis* ─▶ phrase)* ─▶ endDetected ─▶ turn.end
/** One request of a client: audio from its first byte to its end, and everything that is said about it. */
export class Turn {
  readonly requestId: string
  readonly #request: TurnRequest
  readonly #hearing: Hearing
  readonly #listener: TurnListener
  readonly #audio: TurnAudio
  #stream: RecognizerStream | undefined
  #told = 0
  #hasSpoken = false
  #hasToldEnd = false
  /** Where the last speech ended, in samples. */
  #speechEnd: number | undefined
  #counted = 0
  #state: 'HEARING' | 'FINISHING' | 'ENDED' = 'HEARING'

  constructor(request: TurnRequest, hearing: Hearing, listener: TurnListener) {
    this.requestId = request.requestId
    this.#request = request
    this.#hearing = hearing
    this.#listener = listener
    this.#audio = new TurnAudio(
      hearing.decoders,
      { workspaceId: request.workspaceId, waitMs },
      {
        sound: (pcm, format) => this.#write(pcm, format),
        ended: () => (this.#stream ? this.#stream.finish() : this.#endInSilence(0)),
        drained: () => listener.drained(),
        failed: (error) => this.#fail(error),
      },
    )
    const { serviceTag, warning } = request
    listener.send({ path: 'turn.start', body: { context: { serviceTag, ...(warning && { warning }) } } })
  }

  get isEnded(): boolean {
    return this.#state === 'ENDED'
  }

  /** True when the client has sent everything: it will not send it again. */
  get isFinishing(): boolean {
    return this.#state === 'FINISHING'
  }

  /** True when all audio has come that the WAV header promised: the message that says so is optional then. */
  get isComplete(): boolean {
    return this.#state === 'HEARING' && this.#audio.isComplete
  }

  /** Seconds of audio so far. */
  get seconds(): number {
    return this.#audio.seconds
  }

  /** False when the client should send nothing more until `drained`. */
  hear(audio: Buffer): boolean {
    return this.#state !== 'HEARING' || this.#audio.hear(audio)
  }

  /** No more audio comes. */
  finish(): void {
    if (this.#state !== 'HEARING') return
    this.#state = 'FINISHING'
    this.#audio.finish()
  }

  /** Nobody listens any more. */
  close(): void {
    this.#state = 'ENDED'
    this.#audio.close()
    this.#stream?.close()
    this.#stream = undefined
  }

  /** Tells the client that it asked for too much. SDKs have words of their own for that; native ones show ours as well. */
  refuseAsBusy(reason: string): void {
    this.#tellPhrase({ ...writeSilence('TooManyRequests'), Reason: reason })
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
      this.#hearing.recognizers,
      request,
      {
        event: (event) => this.#tell(event),
        drained: () => this.#audio.drained(),
        failed: (error) => this.#fail(error),
      },
      waitMs,
    )
  }

  #tell(event: StreamEvent) {
    if (this.isEnded) return
    const { filter } = this.#hearing
    const { options } = this.#request
    switch (event.kind) {
      case 'SPEECH_START':
        if (!this.#hasSpoken) this.#listener.send({ path: 'speech.startDetected', body: { Offset: toTicks(event.offset) } })
        this.#hasSpoken = true
        return
      case 'HYPOTHESIS': {
        const place = { Offset: toTicks(event.offset), Duration: toTicks(event.duration) }
        return this.#listener.send({ path: 'speech.hypothesis', body: { Text: filter(event.text, options.profanity), ...place, ...options.annotations } })
      }
      case 'PHRASE':
        this.#hearing.figures.phrases++
        this.#tellPhrase(writePhrases([event.phrase], options, filter))
        return this.#passBoundary()
      case 'NO_MATCH':
        this.#tellPhrase(writeSilence('NoMatch', event.offset, event.duration))
        return this.#passBoundary()
      case 'SPEECH_END':
        this.#speechEnd = event.offset
        if (options.listening.firstPhraseOnly) this.#tellSpeechEnd(event.offset)
        return
      case 'INITIAL_SILENCE':
        return this.#tellPhrase(writeSilence('InitialSilenceTimeout', event.heard))
      case 'ENDED':
        return this.#endInSilence(event.heard)
    }
  }

  #endInSilence(heard: number) {
    this.#tellSpeechEnd(heard)
    if (this.#told === 0) this.#tellPhrase(writeSilence('InitialSilenceTimeout', heard))
    else if (!this.#request.options.listening.firstPhraseOnly) this.#tellPhrase(writeSilence('EndOfDictation', heard))
    this.#end()
  }

  #tellPhrase(phrase: object) {
    this.#told++
    const { annotations } = this.#request.options
    this.#listener.send({ path: 'speech.phrase', body: { Id: crypto.randomUUID().replaceAll('-', ''), ...phrase, ...annotations } })
  }

  /** Asks the client to send no more, once in a turn: native clients mute themselves at it until the turn has ended. */
  #tellSpeechEnd(heard: number) {
    if (this.#hasToldEnd) return
    this.#hasToldEnd = true
    this.#listener.send({ path: 'speech.endDetected', body: { Offset: toTicks(this.#speechEnd ?? heard) } })
  }

  /** Between two phrases a turn may end without a word lost, as long as the client still sends. */
  #passBoundary() {
    if (this.isFinishing || this.isComplete || this.isEnded || !this.#audio.isContinuable || this.#request.options.listening.firstPhraseOnly) return
    this.#listener.toldPhrase()
    if (this.seconds > maxTurnSeconds && !this.isEnded) this.#end()
  }

  #end() {
    if (this.isEnded) return
    this.#tellSpeechEnd(Math.round(this.seconds * sampleRate))
    this.close()
    this.#listener.send({ path: 'turn.end' })
  }

  #fail(error: unknown) {
    if (this.isEnded) return
    const canSendAgain = this.#state === 'HEARING' && !this.isComplete
    const problem = explainFailure(error)
    if (problem?.status === 429) {
      countProblem(this.#hearing.figures, problem.code)
      return this.refuseAsBusy(`${problem.code}: ${problem.message}`)
    }
    this.close()
    if (error instanceof RecognizerCrashedError && canSendAgain) return this.#listener.lost()
    this.#listener.failed(error)
  }

  #count() {
    const { seconds } = this.#audio
    this.#hearing.figures.audioSeconds += seconds - this.#counted
    this.#counted = seconds
  }
}

/** The words for what may go wrong in recognition; undefined for what nobody expects. */
export function explainFailure(error: unknown): SpeechProblem | undefined {
  if (error instanceof SpeechProblem) return error
  if (error instanceof AudioError) return toProblem(error)
  if (error instanceof RecognizersBusyError) return new SpeechProblem(429, 'TOO_MANY_REQUESTS', error.message, { 'retry-after': '1' })
  if (error instanceof ModelUnusableError) return new SpeechProblem(503, 'MODEL_UNUSABLE', `The deployment's model cannot be used: ${error.message}`)
  if (error instanceof RecognizerCrashedError) return new SpeechProblem(503, 'RECOGNIZER_CRASHED', 'The recognizer ended while it was at work. Try again.')
  const unavailable = explainUnavailable(error)
  return unavailable && new SpeechProblem(503, unavailable.code, unavailable.message, { 'retry-after': String(unavailable.retryAfterSeconds) })
}
