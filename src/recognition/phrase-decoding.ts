import { sampleRate } from '../audio/pcm.ts'
import type { Alternative } from '../decoding/alternative.ts'
import type { DetectorReply } from './detector-messages.ts'
import { Hypothesis, type ShownHypothesis } from './hypothesis.ts'
import type { HypothesisSlot } from './hypothesis-scheduler.ts'
import type { Priority, Ticket } from './piece.ts'
import type { StreamRequest } from './recognizer-stream.ts'
import type { Scheduler } from './scheduler.ts'
import type { Segment } from './segmenter.ts'

/** The time to the first hypothesis, so that it is shown within the first second of a phrase. */
const firstHypothesisMs = 350
/** The interval of the first decodings if a second one must confirm the words. */
const firstOfTwoMs = 250
/** After this number of decodings without words, the phrase is probably noise and loses its precedence. */
const maxFirstTries = 4
/** A longer phrase has a hypothesis before its text, however fast its audio arrives. */
const maxWithoutHypothesisMs = 1000
const milliseconds = (samples: number) => (samples * 1000) / sampleRate

type Found<K extends DetectorReply['kind']> = Extract<DetectorReply, { kind: K }>

interface PhraseDecodingParts {
  request: StreamRequest
  pool: Scheduler
  /** The most time of a decoding: a base, and an addition for each second of audio. */
  timeout: { baseMs: number; perSecondMs: number }
  /** Asks the detector for the samples of the phrase so far. */
  askForGrown(): void
  /** Called when new hypotheses or the result are available. */
  changed(): void
  failed(error: Error): void
  /** Receives the durations of the phrase and of its decoding once, for admission control. */
  measured(audioMs: number, ms: number): void
}

/** A decoding at a pause, which becomes the result if the phrase ends there. */
interface Guess {
  segment: Segment
  audio: Int16Array
  ticket: Ticket | undefined
  result: Alternative[] | undefined
  /** Beginnings of its text, shown if the phrase ends here before the decoding does. */
  beginnings: string[]
}

/**
 * Decodes one phrase: hypotheses while it grows, a guess at each pause, the text at its end.
 * Audio that arrives faster than speech can end the phrase before a hypothesis is decoded. Then the growing words of
 * the final text are the hypotheses, which needs no extra decoding.
 */
export class PhraseDecoding {
  readonly number: number
  readonly onset: number
  readonly #parts: PhraseDecodingParts
  readonly #hypothesis: Hypothesis
  readonly #tickets = new Set<Ticket>()
  #slot: HypothesisSlot | undefined
  #isSlotGiven = false
  #tries = 0
  #decodedUntil: number
  /** The end of the audio of the newest text. */
  #supposedUntil = 0
  #intervalMs: number
  #guess: Guess | undefined
  #segment: Segment | undefined
  #result: Alternative[] | undefined
  /** The time of workers in milliseconds for the text so far, guesses included, hypotheses excluded. */
  #spentMs = 0

  constructor(number: number, onset: number, parts: PhraseDecodingParts) {
    this.number = number
    this.onset = onset
    this.#parts = parts
    this.#hypothesis = new Hypothesis(parts.request.listening.stableHypotheses)
    this.#decodedUntil = onset
    this.#intervalMs = this.#nextInterval
  }

  /** The segment of the phrase; undefined until the phrase ends. */
  get segment(): Segment | undefined {
    return this.#segment
  }

  /** The alternatives, best first; undefined until they are decoded. */
  get result(): Alternative[] | undefined {
    return this.#result
  }

  /** Removes and returns the new hypotheses, in order. */
  takeHypotheses(): ShownHypothesis[] {
    return this.#hypothesis.takeNew()
  }

  /** The stream was heard up to `heard`, with voice up to `voice`. `isBehind` means that much more audio waits. */
  hear(heard: number, voice: number, isBehind = false): void {
    const { request, pool, askForGrown } = this.#parts
    const isTheSameAsBefore = this.#guess?.segment.offset === voice
    if (!isTheSameAsBefore) this.#guess?.ticket?.cancel()
    if (!request.interims || isBehind || isTheSameAsBefore || this.#slot) return
    if (milliseconds(heard - this.#decodedUntil) < this.#intervalMs) return
    this.#slot = pool.hypotheses.ask(request, this.#isNew, () => {
      this.#isSlotGiven = true
      askForGrown()
    })
  }

  grow({ grown }: Found<'GROWN'>) {
    if (!grown || this.#segment) return this.#endSlot()
    const { segment, audio } = grown
    this.#slot?.begin()
    const { stableHypotheses } = this.#parts.request.listening
    // The first hypothesis of much audio is nearly the whole text, so its beginnings are shown, too.
    const begun = (beginning: string) => void (this.#segment || this.#extend(segment, beginning))
    const decoded = (result: Alternative[] | Error, ms: number) => {
      this.#endSlot()
      if (result instanceof Error) return
      this.#tries++
      this.#decodedUntil = segment.end
      this.#suppose(segment, result)
      this.#intervalMs = this.#isNew ? this.#nextInterval : Math.max(this.#nextInterval, 4 * ms)
    }
    this.#decode('INTERIM', audio, decoded, stableHypotheses ? undefined : begun)
  }

  pause({ segment, audio }: Found<'PAUSED'>): void {
    this.#guess?.ticket?.cancel()
    // A hypothesis would add nothing to the guess.
    if (!this.#isSlotGiven) this.#endSlot()
    const guess: Guess = { segment, audio, result: undefined, ticket: undefined, beginnings: [] }
    this.#guess = guess
    // When workers are scarce, guesses would delay final texts.
    const { pool, request } = this.#parts
    if (request.isOfJob || !pool.mayGuess(request)) return
    const begun = (beginning: string) => {
      // The phrase can go on, so stable hypotheses wait for its end.
      if (this.#guess !== guess || (!this.#segment && this.#parts.request.listening.stableHypotheses)) guess.beginnings.push(beginning)
      else this.#extend(segment, beginning)
    }
    const decoded = (result: Alternative[] | Error) => {
      if (result instanceof Error) {
        // If the phrase ends here, it is decoded again.
        guess.ticket = undefined
        if (this.#segment) this.#parts.failed(result)
        return
      }
      guess.result = result
      if (this.#guess === guess && this.#segment) this.#finish(this.#segment, result)
      else this.#suppose(segment, result)
    }
    guess.ticket = this.#decode('SPECULATIVE', audio, decoded, begun)
  }

  end({ segment, audio }: Found<'ENDED'>) {
    const guess = this.#guess
    this.#segment = segment
    this.#endSlot()
    if (!audio) for (const beginning of guess?.beginnings ?? []) this.#extend(segment, beginning)
    if (!audio && guess?.result) return this.#finish(segment, guess.result)
    if (!audio && guess?.ticket) return guess.ticket.promote()
    guess?.ticket?.cancel()
    const decoded = (result: Alternative[] | Error) => {
      if (result instanceof Error) return this.#parts.failed(result)
      this.#finish(segment, result)
    }
    this.#decode('FINAL', audio ?? guess?.audio ?? new Int16Array(0), decoded, (beginning) => this.#extend(segment, beginning))
  }

  /** Cancels all decodings. */
  close(): void {
    for (const ticket of this.#tickets) ticket.cancel()
    this.#endSlot()
  }

  get #nextInterval() {
    const { hypothesisIntervalMs, stableHypotheses } = this.#parts.request.listening
    return this.#isNew ? Math.min(stableHypotheses ? firstOfTwoMs : firstHypothesisMs, hypothesisIntervalMs) : hypothesisIntervalMs
  }

  get #isNew() {
    return this.#hypothesis.isEmpty && this.#tries < maxFirstTries
  }

  #suppose(segment: Segment, [best]: Alternative[]) {
    // A guess can finish before a hypothesis that began earlier.
    if (segment.end < this.#supposedUntil) return
    this.#supposedUntil = segment.end
    if (!this.#segment) this.#hypothesis.take(best?.lexical ?? '', segment.offset - segment.onset)
    this.#parts.changed()
  }

  /** Shows a beginning of the text of the whole segment. */
  #extend({ onset, offset, end }: Segment, beginning: string) {
    // Texts of less audio are outdated.
    if (!this.#segment && end < this.#supposedUntil) return
    this.#supposedUntil = Math.max(this.#supposedUntil, end)
    this.#hypothesis.extend(beginning, offset - onset)
    this.#parts.changed()
  }

  #finish(segment: Segment, result: Alternative[]) {
    const [best] = result
    const { request } = this.#parts
    const duration = segment.offset - segment.onset
    if (best && request.interims && milliseconds(duration) > maxWithoutHypothesisMs) this.#hypothesis.complete(best.lexical, duration)
    this.#result = result
    this.#parts.measured(milliseconds(segment.end - segment.start), this.#spentMs)
    this.#parts.changed()
  }

  #endSlot() {
    this.#slot?.end()
    this.#slot = undefined
    this.#isSlotGiven = false
  }

  #decode(priority: Priority, audio: Int16Array, done: (result: Alternative[] | Error, ms: number) => void, begun?: (beginning: string) => void): Ticket {
    const { pool, request, timeout } = this.#parts
    const { model, workspaceId, deploymentId, mode } = request
    const isInterim = priority === 'INTERIM'
    const task = {
      kind: 'DECODE',
      model,
      audio,
      mode,
      alternatives: isInterim ? 1 : request.alternatives,
      phrases: isInterim ? [] : request.phrases,
      wordTimings: !isInterim && request.wordTimings,
      reportBeginnings: request.interims && begun !== undefined,
    } as const
    const timeoutMs = timeout.baseMs + (timeout.perSecondMs * audio.length) / sampleRate
    const spent = (ms: number) => {
      if (!isInterim) this.#spentMs += ms
    }
    const ticket = pool.submit(
      { modelId: model.id, workspaceId, deploymentId, priority: request.isOfJob ? 'JOB' : priority, task, timeoutMs, spent, ...(begun && { begun }) },
      (settled) => {
        this.#tickets.delete(ticket)
        if (settled instanceof Error) return done(settled, 0)
        done(settled.value, settled.ms)
      },
    )
    this.#tickets.add(ticket)
    return ticket
  }
}
