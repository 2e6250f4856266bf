import { AudioQueue } from '../audio/audio-queue.ts'
import { sampleRate } from '../audio/pcm.ts'
import type { Alternative } from '../decoding/alternative.ts'
import type { DetectorReply, DetectorRequest } from './detector-messages.ts'
import { PhraseDecoding } from './phrase-decoding.ts'
import { RecognizersBusyError } from './recognizer-errors.ts'
import type { RecognizerStream, StreamListener, StreamRequest } from './recognizer-stream.ts'
import type { Scheduler } from './scheduler.ts'
import type { Segment } from './segmenter.ts'

/** The most audio that waits in the detector, so that one fast stream does not delay the others. */
const aheadSeconds = 2
/** Beyond this amount of waiting audio, the caller must pause. */
const pauseSeconds = 4
const maxSeconds = 120
/** With more waiting audio than this, audio arrives faster than speech, and hypotheses would only delay the next text. */
const hypothesisSeconds = 0.5
/** The most undecoded phrases before the detector gets more audio. */
const maxUndecoded = 2
const milliseconds = (samples: number) => (samples * 1000) / sampleRate

interface StreamParts {
  request: StreamRequest
  listener: StreamListener
  pool: Scheduler
  detector: { send(request: DetectorRequest): void }
  /** Called once at the end of the stream. */
  over(): void
  /** The most time of a decoding: a base, and an addition for each second of audio. */
  timeout: { baseMs: number; perSecondMs: number }
  /** Receives the durations of each phrase and of its decoding, for admission control. */
  measured(audioMs: number, ms: number): void
}

/**
 * The audio of one client: to the detector, which finds phrases, to the workers, which decode them, and back as events
 * in the order of the speech.
 */
export class Stream implements RecognizerStream {
  readonly #number: number
  readonly #parts: StreamParts
  readonly #bytesPerSecond: number
  readonly #waiting: AudioQueue
  /** Phrases whose end was not reported yet, in order. */
  readonly #phrases: PhraseDecoding[] = []
  #isBeginningTold = false
  #sentBytes = 0
  #movedAt = 0
  #isPaused = false
  #isFinishing = false
  #isFinishPassed = false
  #isOver = false
  /** The length of the whole stream in samples; undefined until the detector has finished. */
  #heard: number | undefined
  #heardSpeech = false
  #wordless: Segment | undefined
  #isSilenceTold = false

  constructor(number: number, parts: StreamParts) {
    this.#number = number
    this.#parts = parts
    const { format, listening } = parts.request
    this.#bytesPerSecond = format.sampleRate * format.channels * 2
    this.#waiting = new AudioQueue(this.#bytesPerSecond)
    parts.detector.send({ stream: number, kind: 'OPEN', format, listening })
  }

  write(pcm: Uint8Array): boolean {
    if (this.#isOver || this.#isFinishing) return true
    if (this.#heldBytes + pcm.length > maxSeconds * this.#bytesPerSecond) {
      this.fail(new RecognizersBusyError('The client sends audio faster than the server accepts it. Pause while the connection is full, then connect again.'))
      return false
    }
    this.#waiting.add(pcm)
    this.#pass()
    this.#isPaused ||= this.#heldBytes > pauseSeconds * this.#bytesPerSecond
    return !this.#isPaused
  }

  finish(): void {
    if (this.#isOver || this.#isFinishing) return
    this.#isFinishing = true
    this.#pass()
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const phrase of this.#phrases) phrase.close()
    this.#waiting.clear()
    this.#parts.detector.send({ stream: this.#number, kind: 'CLOSE' })
    this.#parts.over()
  }

  /** True if the detector has not answered for so long that it counts as hung. */
  isStuck(maxMs: number): boolean {
    const isOwed = this.#sentBytes > 0 || (this.#isFinishPassed && this.#heard === undefined)
    return isOwed && performance.now() - this.#movedAt > maxMs
  }

  fail(error: Error): void {
    if (this.#isOver) return
    this.close()
    this.#parts.listener.failed(error)
  }

  /** Handles a reply of the detector. */
  take(reply: DetectorReply): void {
    if (this.#isOver) return
    if (reply.kind === 'STARTED') this.#start(reply.phrase, reply.onset)
    else if (reply.kind === 'FAILED') this.fail(new Error(reply.message))
    else if (reply.kind === 'FINISHED') this.#heard = reply.heard
    else if (reply.kind === 'HEARD') this.#hear(reply)
    else {
      const phrase = this.#phrases.find(({ number }) => number === reply.phrase)
      if (reply.kind === 'PAUSED') phrase?.pause(reply)
      else if (reply.kind === 'ENDED') phrase?.end(reply)
      else phrase?.grow(reply)
    }
    this.#tell()
  }

  get #heldBytes() {
    return this.#waiting.bytes + this.#sentBytes
  }

  /** Sends as much audio to the detector as it and the workers can process. */
  #pass() {
    const send = (message: Parameters<StreamParts['detector']['send']>[0]) => this.#parts.detector.send(message)
    while (this.#sentBytes < aheadSeconds * this.#bytesPerSecond && this.#undecoded < maxUndecoded) {
      // Small pieces that arrive while the detector is busy go to it together.
      if (this.#sentBytes > 0 && !this.#waiting.isFull && !this.#isFinishing) return
      const pcm = this.#waiting.take()
      if (!pcm && (!this.#isFinishing || this.#isFinishPassed)) return
      if (this.#sentBytes === 0) this.#movedAt = performance.now()
      if (!pcm) {
        this.#isFinishPassed = true
        return send({ stream: this.#number, kind: 'FINISH' })
      }
      this.#sentBytes += pcm.length
      send({ stream: this.#number, kind: 'AUDIO', pcm, isFollowed: this.#waiting.bytes > 0 })
    }
  }

  get #undecoded() {
    return this.#phrases.filter(({ segment }) => segment).length
  }

  #hear({ bytes, heard, voice }: Extract<DetectorReply, { kind: 'HEARD' }>) {
    this.#sentBytes -= bytes
    this.#movedAt = performance.now()
    this.#pass()
    if (this.#isPaused && this.#heldBytes < (pauseSeconds * this.#bytesPerSecond) / 2) {
      this.#isPaused = false
      this.#parts.listener.drained()
    }
    const phrase = this.#phrases.at(-1)
    if (phrase && !phrase.segment && voice !== undefined) phrase.hear(heard, voice, this.#heldBytes > hypothesisSeconds * this.#bytesPerSecond)
    const isSilent = milliseconds(heard) >= this.#parts.request.listening.initialSilenceMs && !this.#heardSpeech && this.#phrases.length === 0
    if (isSilent) this.#tellSilence(heard)
  }

  #start(number: number, onset: number) {
    const { request, pool, timeout, detector, measured } = this.#parts
    if (!this.#heardSpeech && !this.#phrases.length && milliseconds(onset) > request.listening.initialSilenceMs) this.#tellSilence(onset)
    if (this.#isOver) return
    const phrase = new PhraseDecoding(number, onset, {
      request,
      pool,
      timeout,
      measured,
      askForGrown: () => detector.send({ stream: this.#number, kind: 'GROWN', phrase: number }),
      changed: () => this.#tell(),
      failed: (error) => this.fail(error),
    })
    this.#phrases.push(phrase)
  }

  /** Emits all events that are due, in the order of the speech. */
  #tell() {
    while (!this.#isOver) {
      const [phrase] = this.#phrases
      if (!phrase) break
      this.#tellBeginning(phrase)
      if (!phrase.segment || !phrase.result) return
      this.#phrases.shift()
      this.#isBeginningTold = false
      this.#tellEnd(phrase.segment, phrase.result)
      this.#pass()
    }
    if (this.#heard !== undefined && !this.#isOver) this.#tellLast(this.#heard)
  }

  #tellBeginning(phrase: PhraseDecoding) {
    if (!this.#isBeginningTold) this.#event({ kind: 'SPEECH_START', offset: phrase.onset })
    this.#isBeginningTold = true
    for (const hypothesis of phrase.takeHypotheses()) this.#event({ kind: 'HYPOTHESIS', offset: phrase.onset, ...hypothesis })
  }

  #tellEnd(segment: Segment, alternatives: Alternative[]) {
    const [best] = alternatives
    const { onset, offset } = segment
    const { listening } = this.#parts.request
    const place = { offset: onset, duration: offset - onset }
    if (best) {
      this.#heardSpeech = true
      const { display, lexical, confidence } = best
      this.#event({ kind: 'PHRASE', phrase: { display, lexical, confidence, ...place, alternatives: alternatives.map((one) => placeWords(one, segment)) } })
    } else if (listening.firstPhraseOnly) {
      // A sound without words, such as a cough, is reported at the end unless a phrase follows.
      this.#wordless = segment
    } else {
      this.#event({ kind: 'NO_MATCH', ...place })
    }
    this.#event({ kind: 'SPEECH_END', offset })
    if (!listening.firstPhraseOnly) return
    if (best) this.#tellEnded(offset)
    else if (milliseconds(offset) >= listening.initialSilenceMs) this.#tellLast(offset)
  }

  #tellSilence(heard: number) {
    const { firstPhraseOnly } = this.#parts.request.listening
    if (firstPhraseOnly) return this.#tellLast(heard)
    if (!this.#isSilenceTold) this.#event({ kind: 'INITIAL_SILENCE', heard })
    this.#isSilenceTold = true
  }

  #tellLast(heard: number) {
    const { firstPhraseOnly } = this.#parts.request.listening
    if (firstPhraseOnly && this.#wordless)
      this.#event({ kind: 'NO_MATCH', offset: this.#wordless.onset, duration: this.#wordless.offset - this.#wordless.onset })
    else if (firstPhraseOnly && !this.#heardSpeech && milliseconds(heard) >= this.#parts.request.listening.initialSilenceMs)
      this.#event({ kind: 'INITIAL_SILENCE', heard })
    this.#tellEnded(heard)
  }

  #tellEnded(heard: number) {
    if (this.#isOver) return
    this.close()
    this.#parts.listener.event({ kind: 'ENDED', heard })
  }

  #event(event: Parameters<StreamListener['event']>[0]) {
    if (!this.#isOver) this.#parts.listener.event(event)
  }
}

/** Converts the offsets of words from the first decoded sample to positions in the stream, within the phrase. */
function placeWords({ words, ...alternative }: Alternative, { start, onset, offset }: Segment): Alternative {
  if (!words) return alternative
  const place = (at: number) => Math.max(onset, Math.min(offset, at + start))
  const placed = words.map(({ word, ...time }) => {
    const from = place(time.offset)
    return { word, offset: from, duration: place(time.offset + time.duration) - from }
  })
  return { ...alternative, words: placed }
}
