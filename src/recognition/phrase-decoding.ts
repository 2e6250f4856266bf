import { sampleRate } from '../audio/pcm.ts'
import type { Alternative } from '../decoding/alternative.ts'
import type { DetectorReply } from './detector.process.ts'
import { Hypothesis, type Shown } from './hypothesis.ts'
import type { HypothesisSlot } from './hypothesis-scheduler.ts'
import type { Priority, Ticket } from './piece.ts'
import type { StreamRequest } from './recognizer-stream.ts'
import type { Scheduler } from './scheduler.ts'
import type { Segment } from './segmenter.ts'

/** Something is shown of a phrase within its first second. */
const firstHypothesisMs = 350
/** Words that a second decoding has to confirm are decoded sooner, and the second soon after. */
const firstOfTwoMs = 250
/** What was tried so often without a word to show is rather noise, and has no precedence any more. */
const maxFirstTries = 4
/** A phrase longer than this has a hypothesis before its text, however fast its audio came. */
const maxWithoutHypothesisMs = 1000
const milliseconds = (samples: number) => (samples * 1000) / sampleRate

type Found<K extends DetectorReply['kind']> = Extract<DetectorReply, { kind: K }>

interface PhraseDecodingParts {
  request: StreamRequest
  pool: Scheduler
  /** How long a decoding may take: so much, and so much for each second of the audio. */
  timeout: { baseMs: number; perSecondMs: number }
  /** Has the detector answer with the phrase as far as it has grown. */
  askForGrown(): void
  /** There is something new to tell. */
  changed(): void
  failed(error: Error): void
  /** Told once what the phrase's text took, for admission. */
  measured(audioMs: number, ms: number): void
}

/** What was decoded when the voice paused, in case that it does not go on. */
interface Guess {
  segment: Segment
  audio: Int16Array
  ticket: Ticket | undefined
  result: Alternative[] | undefined
  /** Beginnings of its text, for the case that the phrase ends here before it is decoded. */
  beginnings: string[]
}

/**
 * One phrase from its first sound to its text: hypotheses while it grows, a guess at each pause, the text at its end.
 * Audio that comes faster than speech may have ended the phrase before any hypothesis could be decoded; the words of
 * the final text are hypotheses then, as the decoder writes them. They cost no worker anything.
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
  /** Where the newest text ended that was shown, or would have been. */
  #supposedUntil = 0
  #intervalMs: number
  #guess: Guess | undefined
  #segment: Segment | undefined
  #result: Alternative[] | undefined
  /** Milliseconds of workers that its text took by now, guesses included, but not hypotheses. */
  #spentMs = 0

  constructor(number: number, onset: number, parts: PhraseDecodingParts) {
    this.number = number
    this.onset = onset
    this.#parts = parts
    this.#hypothesis = new Hypothesis(parts.request.listening.stableHypotheses)
    this.#decodedUntil = onset
    this.#intervalMs = this.#nextInterval
  }

  /** Where it lies, once it has ended. */
  get segment(): Segment | undefined {
    return this.#segment
  }

  /** What was said, best first, once it is known. */
  get result(): Alternative[] | undefined {
    return this.#result
  }

  /** The hypotheses that were not taken yet, in order. */
  takeHypotheses(): Shown[] {
    return this.#hypothesis.takeNew()
  }

  /** More was heard, of which the voice lasted until `voice`; `isBehind` says that much more is there already. */
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
    // Where much audio came at once, the first hypothesis would be nearly all of the text.
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
    // The guess says all that a hypothesis could.
    if (!this.#isSlotGiven) this.#endSlot()
    const guess: Guess = { segment, audio, result: undefined, ticket: undefined, beginnings: [] }
    this.#guess = guess
    // When workers are short, guesses would take them from what is sure to be wanted.
    const { pool, request } = this.#parts
    if (request.isOfJob || !pool.mayGuess(request)) return
    const begun = (beginning: string) => {
      // The speaker may go on: words that have to be stable are kept until it is sure that the phrase has ended.
      if (this.#guess !== guess || (!this.#segment && this.#parts.request.listening.stableHypotheses)) guess.beginnings.push(beginning)
      else this.#extend(segment, beginning)
    }
    const decoded = (result: Alternative[] | Error) => {
      if (result instanceof Error) {
        // Nobody waits for it yet: if the phrase ends here, it is decoded then.
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

  /** Nobody wants it any more. */
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
    // A guess may have been done before the hypothesis that was begun earlier.
    if (segment.end < this.#supposedUntil) return
    this.#supposedUntil = segment.end
    if (!this.#segment) this.#hypothesis.take(best?.lexical ?? '', segment.offset - segment.onset)
    this.#parts.changed()
  }

  /** Shows a beginning of the text of all that the segment holds. */
  #extend({ onset, offset, end }: Segment, beginning: string) {
    // What was begun to be decoded before, of less audio, is not shown any more.
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
