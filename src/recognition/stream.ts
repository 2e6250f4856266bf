import { sampleRate } from '../audio/pcm.ts'
import type { Alternative } from '../decoding/alternative.ts'
import type { DetectorReply, DetectorRequest } from './detector.process.ts'
import { PhraseDecoding } from './phrase-decoding.ts'
import { RecognizersBusyError } from './recognizer-errors.ts'
import type { RecognizerStream, StreamListener, StreamRequest } from './recognizer-stream.ts'
import type { Scheduler } from './scheduler.ts'
import type { Segment } from './segmenter.ts'

/** Audio that may be on its way to the detector, so that one fast stream does not keep the others waiting. */
const aheadSeconds = 2
/** What waits beyond that is the caller's to hold back. */
const pauseSeconds = 4
const maxSeconds = 120
/** With more than this on its way, audio comes faster than speech: a hypothesis would cost the next text more than it shows. */
const hypothesisSeconds = 0.5
/** Phrases that may wait to be decoded before more audio is looked at. */
const maxUndecoded = 2
const milliseconds = (samples: number) => (samples * 1000) / sampleRate

interface StreamParts {
  request: StreamRequest
  listener: StreamListener
  pool: Scheduler
  detector: { send(request: DetectorRequest): void }
  /** Called once, when nothing more comes of the stream. */
  over(): void
  /** How long a decoding may take: so much, and so much for each second of the audio. */
  timeout: { baseMs: number; perSecondMs: number }
  /** Told of every phrase and what its text took, for admission. */
  measured(audioMs: number, ms: number): void
}

/**
 * One client's audio on its way: to the detector, which finds phrases, to the workers, which decode them,
 * and back as events in the order in which things were said.
 */
export class Stream implements RecognizerStream {
  readonly #number: number
  readonly #parts: StreamParts
  readonly #bytesPerSecond: number
  /** Those that are not told yet, in order; of the first, perhaps its beginning is. */
  readonly #phrases: PhraseDecoding[] = []
  #isBeginningTold = false
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #sentBytes = 0
  #movedAt = 0
  #isPaused = false
  #isFinishing = false
  #isFinishPassed = false
  #isOver = false
  /** The samples of the whole stream, once the detector has heard all. */
  #heard: number | undefined
  #heardSpeech = false
  #wordless: Segment | undefined
  #isSilenceTold = false

  constructor(number: number, parts: StreamParts) {
    this.#number = number
    this.#parts = parts
    const { format, listening } = parts.request
    this.#bytesPerSecond = format.sampleRate * format.channels * 2
    parts.detector.send({ stream: number, kind: 'OPEN', format, listening })
  }

  write(pcm: Uint8Array): boolean {
    if (this.#isOver || this.#isFinishing) return true
    if (this.#heldBytes + pcm.length > maxSeconds * this.#bytesPerSecond) {
      this.fail(new RecognizersBusyError('More audio came than can be held. Send it no faster than it is taken.'))
      return false
    }
    for (let at = 0; at < pcm.length; at += this.#bytesPerSecond) this.#waiting.push(pcm.subarray(at, at + this.#bytesPerSecond))
    this.#waitingBytes += pcm.length
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
    this.#waiting = []
    this.#parts.detector.send({ stream: this.#number, kind: 'CLOSE' })
    this.#parts.over()
  }

  /** Whether the detector has owed an answer for so long that it must hang. */
  isStuck(maxMs: number): boolean {
    const isOwed = this.#sentBytes > 0 || (this.#isFinishPassed && this.#heard === undefined)
    return isOwed && performance.now() - this.#movedAt > maxMs
  }

  fail(error: Error): void {
    if (this.#isOver) return
    this.close()
    this.#parts.listener.failed(error)
  }

  /** Takes what the detector found. */
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
    return this.#waitingBytes + this.#sentBytes
  }

  /** Passes on as much audio as the detector and the workers keep up with. */
  #pass() {
    const send = (message: Parameters<StreamParts['detector']['send']>[0]) => this.#parts.detector.send(message)
    while (this.#sentBytes < aheadSeconds * this.#bytesPerSecond && this.#undecoded < maxUndecoded) {
      const pcm = this.#waiting.shift()
      if (!pcm && (!this.#isFinishing || this.#isFinishPassed)) return
      if (this.#sentBytes === 0) this.#movedAt = performance.now()
      if (!pcm) {
        this.#isFinishPassed = true
        return send({ stream: this.#number, kind: 'FINISH' })
      }
      this.#waitingBytes -= pcm.length
      this.#sentBytes += pcm.length
      send({ stream: this.#number, kind: 'AUDIO', pcm })
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

  /** Tells what may be told by now: what was said first comes first. */
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
      // A cough is not the phrase that the client waits for; if nothing better comes, it is told at the end.
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

/** Places words, which were counted from the first sample that was decoded, within the phrase. */
function placeWords({ words, ...alternative }: Alternative, { start, onset, offset }: Segment): Alternative {
  if (!words) return alternative
  const place = (at: number) => Math.max(onset, Math.min(offset, at + start))
  const placed = words.map(({ word, ...time }) => {
    const from = place(time.offset)
    return { word, offset: from, duration: place(time.offset + time.duration) - from }
  })
  return { ...alternative, words: placed }
}
