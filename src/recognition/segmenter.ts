import { sampleRate } from '../audio/pcm.ts'
import type { SegmentationSettings } from './segmentation-settings.ts'
import { windowSize } from './voice-activity.ts'

/** Speech from one sample to another, counted from the beginning of the stream. */
export interface Segment {
  /** What is decoded: the speech and a little around it. */
  start: number
  end: number
  /** Where the voice itself began and ended. */
  onset: number
  offset: number
}

const milliseconds = (ms: number) => Math.round((ms * sampleRate) / 1000)

const speechThreshold = 0.5
/** Speech, once begun, goes on until the probability falls below this. */
const silenceThreshold = 0.35
/** The first sounds of a word come before the detector is sure of them. */
const leadIn = milliseconds(350)
const leadOut = milliseconds(160)
/** Of the silence that ends a segment, the part after which most pauses turn out to be the end. */
const likelyEnd = 0.4
/** What a listener has to keep of the past, lest a lead-in is lost. */
const lookBack = milliseconds(600)
/** Shorter sounds are clicks. */
const minSpeech = milliseconds(90)

/**
 * Cuts a stream into segments of speech from one probability per window. Pure: it sees no audio.
 *
 *   silent ──(speech)──▶ speaking ──(long enough silence, or the longest phrase)──▶ silent
 */
export class Segmenter {
  readonly #silence: number
  readonly #longest: number
  #position = 0
  #previousEnd = 0
  #speaking: { start: number; onset: number; voiced: number; lastVoice: number; dips: { at: number; probability: number }[] } | undefined

  constructor(listening: Pick<SegmentationSettings, 'segmentationSilenceMs' | 'maxPhraseMs'>) {
    this.#silence = milliseconds(listening.segmentationSilenceMs)
    this.#longest = milliseconds(listening.maxPhraseMs)
  }

  /** Whether the voice has been silent for long enough that the segment may well end here. */
  get isPausing(): boolean {
    const speaking = this.#speaking
    return speaking !== undefined && this.#position - speaking.lastVoice >= Math.max(leadOut, this.#silence * likelyEnd)
  }

  /** The segment that is open, up to its last voice so far; not before it is long enough to be speech. */
  get open(): Segment | undefined {
    const speaking = this.#speaking
    if (!speaking || speaking.voiced < minSpeech) return undefined
    const { start, onset, lastVoice } = speaking
    return { start, onset, offset: lastVoice, end: Math.min(this.#position, lastVoice + leadOut) }
  }

  /** The earliest sample that a segment to come may begin with. */
  get needed(): number {
    return this.#speaking?.start ?? Math.max(this.#previousEnd, this.#position - lookBack)
  }

  /** Takes the next window's probability; answers the segment that it completes. */
  push(probability: number): Segment | undefined {
    const at = this.#position
    this.#position += windowSize
    const speaking = this.#speaking
    if (!speaking) {
      if (probability >= speechThreshold) this.#begin(at)
      return undefined
    }
    if (probability >= silenceThreshold) {
      speaking.lastVoice = this.#position
      speaking.voiced += windowSize
    }
    speaking.dips.push({ at, probability })
    if (this.#position - speaking.lastVoice >= this.#silence) return this.#finish(speaking.lastVoice + leadOut)
    if (this.#position - speaking.start >= this.#longest) return this.#cut()
    return undefined
  }

  /** The stream is over; answers the segment that was still open. */
  end(): Segment | undefined {
    return this.#speaking ? this.#finish(this.#speaking.lastVoice + leadOut) : undefined
  }

  #begin(at: number) {
    const start = Math.max(this.#previousEnd, at - leadIn)
    this.#speaking = { start, onset: at, voiced: windowSize, lastVoice: at + windowSize, dips: [] }
  }

  #finish(wantedEnd: number): Segment | undefined {
    const speaking = this.#speaking
    this.#speaking = undefined
    if (!speaking || speaking.voiced < minSpeech) return undefined
    this.#previousEnd = Math.min(wantedEnd, this.#position)
    return { start: speaking.start, end: this.#previousEnd, onset: speaking.onset, offset: speaking.lastVoice }
  }

  /** Ends a phrase that is too long where it was quietest, in its last third; what follows begins the next. */
  #cut(): Segment | undefined {
    const speaking = this.#speaking
    if (!speaking) return undefined
    const late = speaking.dips.filter((dip) => dip.at - speaking.start > (this.#longest * 2) / 3)
    const weakest = late.reduce((best, dip) => (dip.probability < best.probability ? dip : best))
    const end = weakest.at + windowSize
    this.#previousEnd = end
    this.#speaking = { start: end, onset: end, voiced: this.#position - end, lastVoice: this.#position, dips: late.filter((dip) => dip.at >= end) }
    return { start: speaking.start, end, onset: speaking.onset, offset: end }
  }
}
