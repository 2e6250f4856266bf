import type { DetectorReply, DetectorRequest } from './detector.ts'
import { Hypothesis } from './hypothesis.ts'
import type { Pool, Priority, Ticket } from './pool.ts'
import { type Alternative, type RecognizerStream, RecognizersBusyError, type StreamListener, type StreamRequest, sampleRate } from './recognizer.ts'
import type { Segment } from './segmenter.ts'
import type { DecodingTurn } from './turns.ts'

/** Audio that may be on its way to the detector, so that one fast stream does not keep the others waiting. */
const aheadSeconds = 2
/** What waits beyond that is the caller's to hold back. */
const pauseSeconds = 4
const mostSeconds = 120
/** Phrases that may wait to be decoded before more audio is looked at. */
const mostUndecoded = 2
const milliseconds = (samples: number) => (samples * 1000) / sampleRate

/** One phrase from its first sound to its text. */
interface OpenPhrase {
  number: number
  onset: number
  isTold: boolean
  hypothesis: Hypothesis
  /** What a hypothesis is told with, once there is a new one. */
  toTell: { text: string; duration: number } | undefined
  interim: { turn: DecodingTurn | undefined; isAtWork: boolean; lastAt: number; intervalMs: number }
  /** What was decoded when the voice paused, in case that it does not go on. */
  guess: { segment: Segment; audio: Int16Array; ticket: Ticket | undefined; result: Alternative[] | undefined } | undefined
  segment: Segment | undefined
  result: Alternative[] | undefined
  /** Milliseconds of workers that its text took, guesses included. */
  spentMs: number
}

interface Parts {
  request: StreamRequest
  listener: StreamListener
  pool: Pool
  detector: { send(request: DetectorRequest): void }
  /** Called once, when nothing more comes of the stream. */
  over(): void
  /** How long a decoding may take: so much, and so much for each second of the audio. */
  patience: { baseMs: number; perSecondMs: number }
  /** Told of every phrase and what its text took, for admission. */
  measured(audioMs: number, ms: number): void
}

/**
 * One client's audio on its way: to the detector, which finds phrases, to the workers, which decode them,
 * and back as events in the order in which things were said.
 */
export class Stream implements RecognizerStream {
  readonly #number: number
  readonly #parts: Parts
  readonly #bytesPerSecond: number
  readonly #tickets = new Set<Ticket>()
  readonly #phrases: OpenPhrase[] = []
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

  constructor(number: number, parts: Parts) {
    this.#number = number
    this.#parts = parts
    const { format, listening } = parts.request
    this.#bytesPerSecond = format.sampleRate * format.channels * 2
    parts.detector.send({ stream: number, kind: 'OPEN', format, listening })
  }

  write(pcm: Uint8Array): boolean {
    if (this.#isOver || this.#isFinishing) return true
    if (this.#heldBytes + pcm.length > mostSeconds * this.#bytesPerSecond) {
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
    for (const ticket of this.#tickets) ticket.cancel()
    for (const phrase of this.#phrases) this.#endTurn(phrase)
    this.#waiting = []
    this.#parts.detector.send({ stream: this.#number, kind: 'CLOSE' })
    this.#parts.over()
  }

  /** Whether the detector has owed an answer for so long that it must hang. */
  isStuck(mostMs: number): boolean {
    const isOwed = this.#sentBytes > 0 || (this.#isFinishPassed && this.#heard === undefined)
    return isOwed && performance.now() - this.#movedAt > mostMs
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
      if (phrase && reply.kind === 'PAUSED') this.#guess(phrase, reply)
      else if (phrase && reply.kind === 'ENDED') this.#end(phrase, reply)
      else if (phrase && reply.kind === 'GROWN') this.#grow(phrase, reply)
    }
    this.#tell()
  }

  get #heldBytes() {
    return this.#waitingBytes + this.#sentBytes
  }

  /** Passes on as much audio as the detector and the workers keep up with. */
  #pass() {
    const send = (message: Parameters<Parts['detector']['send']>[0]) => this.#parts.detector.send(message)
    while (this.#sentBytes < aheadSeconds * this.#bytesPerSecond && this.#undecoded < mostUndecoded) {
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
    if (phrase && !phrase.segment && voice !== undefined) this.#wantInterim(phrase, heard, voice)
    const isSilent = milliseconds(heard) >= this.#parts.request.listening.initialSilenceMs && !this.#heardSpeech && this.#phrases.length === 0
    if (isSilent) this.#tellSilence(heard)
  }

  #start(number: number, onset: number) {
    const { listening } = this.#parts.request
    if (!this.#heardSpeech && !this.#phrases.length && milliseconds(onset) > listening.initialSilenceMs) this.#tellSilence(onset)
    if (this.#isOver) return
    this.#phrases.push({
      number,
      onset,
      isTold: false,
      hypothesis: new Hypothesis(listening.stableHypotheses),
      toTell: undefined,
      interim: { turn: undefined, isAtWork: false, lastAt: onset, intervalMs: Math.min(firstHypothesisMs, listening.hypothesisIntervalMs) },
      guess: undefined,
      segment: undefined,
      result: undefined,
      spentMs: 0,
    })
  }

  #wantInterim(phrase: OpenPhrase, heard: number, voice: number) {
    const { guess, interim } = phrase
    const isTheSameAsBefore = guess?.segment.offset === voice
    if (!isTheSameAsBefore) guess?.ticket?.cancel()
    if (!this.#parts.request.interims || isTheSameAsBefore || interim.turn) return
    if (milliseconds(heard - interim.lastAt) < interim.intervalMs) return
    const { pool, request, detector } = this.#parts
    interim.turn = pool.turns.ask(request.deploymentId, phrase.hypothesis.isEmpty, () => {
      interim.isAtWork = true
      detector.send({ stream: this.#number, kind: 'GROWN', phrase: phrase.number })
    })
  }

  #grow(phrase: OpenPhrase, { grown }: Extract<DetectorReply, { kind: 'GROWN' }>) {
    if (!grown || phrase.segment) return this.#endTurn(phrase)
    const { segment, audio } = grown
    phrase.interim.lastAt = segment.end
    this.#decode('INTERIM', audio, (result, ms) => {
      this.#endTurn(phrase)
      if (result instanceof Error) return
      phrase.interim.intervalMs = Math.max(this.#nextInterval(phrase), 4 * ms)
      this.#suppose(phrase, segment, result)
    })
  }

  #endTurn({ interim }: OpenPhrase) {
    interim.turn?.end()
    interim.turn = undefined
    interim.isAtWork = false
  }

  /** Words that need confirming get their second decoding soon after the first. */
  #nextInterval({ hypothesis }: OpenPhrase) {
    const { hypothesisIntervalMs } = this.#parts.request.listening
    return hypothesis.isEmpty ? Math.min(firstHypothesisMs, hypothesisIntervalMs) : hypothesisIntervalMs
  }

  #suppose(phrase: OpenPhrase, segment: Segment, [best]: Alternative[]) {
    const text = phrase.segment ? undefined : phrase.hypothesis.take(best?.lexical ?? '')
    if (text) phrase.toTell = { text, duration: segment.offset - segment.onset }
    this.#tell()
  }

  #guess(phrase: OpenPhrase, { segment, audio }: Extract<DetectorReply, { kind: 'PAUSED' }>) {
    phrase.guess?.ticket?.cancel()
    // The guess says all that a hypothesis could.
    if (!phrase.interim.isAtWork) this.#endTurn(phrase)
    const guess: NonNullable<OpenPhrase['guess']> = { segment, audio, result: undefined, ticket: undefined }
    phrase.guess = guess
    // When workers are short, guesses would take them from what is sure to be wanted.
    if (!this.#parts.pool.isFree()) return
    guess.ticket = this.#decode('SPECULATIVE', audio, (result, ms) => {
      if (result instanceof Error) {
        // Nobody waits for it yet: if the phrase ends here, it is decoded then.
        guess.ticket = undefined
        if (phrase.segment) this.fail(result)
        return
      }
      phrase.spentMs += ms
      guess.result = result
      if (phrase.guess === guess && phrase.segment) this.#finishPhrase(phrase, result)
      else this.#suppose(phrase, segment, result)
    })
  }

  #end(phrase: OpenPhrase, { segment, audio }: Extract<DetectorReply, { kind: 'ENDED' }>) {
    const { guess } = phrase
    phrase.segment = segment
    this.#endTurn(phrase)
    if (!audio && guess?.result) return this.#finishPhrase(phrase, guess.result)
    if (!audio && guess?.ticket) return guess.ticket.promote()
    guess?.ticket?.cancel()
    this.#decode('FINAL', audio ?? guess?.audio ?? new Int16Array(0), (result, ms) => {
      if (result instanceof Error) return this.fail(result)
      phrase.spentMs += ms
      this.#finishPhrase(phrase, result)
    })
  }

  #finishPhrase(phrase: OpenPhrase, result: Alternative[]) {
    phrase.result = result
    if (phrase.segment) this.#parts.measured(milliseconds(phrase.segment.end - phrase.segment.start), phrase.spentMs)
    this.#tell()
  }

  #decode(priority: Priority, audio: Int16Array, done: (result: Alternative[] | Error, ms: number) => void): Ticket {
    const { pool, request, patience } = this.#parts
    const { model, deploymentId, mode } = request
    const isInterim = priority === 'INTERIM'
    const task = {
      kind: 'DECODE',
      model,
      audio,
      mode,
      alternatives: isInterim ? 1 : request.alternatives,
      phrases: isInterim ? [] : request.phrases,
      wordTimings: !isInterim && request.wordTimings,
    } as const
    const patienceMs = patience.baseMs + (patience.perSecondMs * audio.length) / sampleRate
    const ticket = pool.submit({ modelId: model.id, deploymentId, priority, task, patienceMs }, (settled) => {
      this.#tickets.delete(ticket)
      if (settled instanceof Error) return done(settled, 0)
      done(settled.value, settled.ms)
    })
    this.#tickets.add(ticket)
    return ticket
  }

  /** Tells what may be told by now: what was said first comes first. */
  #tell() {
    while (!this.#isOver) {
      const [phrase] = this.#phrases
      if (!phrase) break
      this.#tellBeginning(phrase)
      if (!phrase.segment || !phrase.result) return
      this.#phrases.shift()
      this.#tellEnd(phrase.segment, phrase.result)
      this.#pass()
    }
    if (this.#heard !== undefined && !this.#isOver) this.#tellLast(this.#heard)
  }

  #tellBeginning(phrase: OpenPhrase) {
    if (!phrase.isTold) this.#event({ kind: 'SPEECH_START', offset: phrase.onset })
    phrase.isTold = true
    if (phrase.toTell) this.#event({ kind: 'HYPOTHESIS', offset: phrase.onset, ...phrase.toTell })
    phrase.toTell = undefined
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

/** Something is shown of a phrase within its first second. */
const firstHypothesisMs = 350

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
