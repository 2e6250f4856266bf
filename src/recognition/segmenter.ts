import { sampleRate } from '../audio/pcm.ts'
import type { SegmentationSettings } from './segmentation-settings.ts'
import { windowSize } from './voice-activity.ts'

/** Speech from one sample to another, counted from the beginning of the stream. */
export interface Segment {
  /** The range that is decoded: the speech with a margin. */
  start: number
  end: number
  /** The range of the voice. */
  onset: number
  offset: number
}

const milliseconds = (ms: number) => Math.round((ms * sampleRate) / 1000)

const speechThreshold = 0.5
/** The probability below which begun speech ends. */
const silenceThreshold = 0.35
/** The detector recognizes the first sounds of a word late. */
const leadIn = milliseconds(350)
const leadOut = milliseconds(160)
/** The part of the segmentation silence after which most pauses are the end of a phrase. */
const likelyEnd = 0.4
/** The number of past samples to keep for the lead-in of the next segment. */
const lookBack = milliseconds(600)
/** Shorter sounds count as clicks. */
const minSpeech = milliseconds(90)

/**
 * Cuts a stream into segments of speech from one probability per window, without the audio.
 *
 *   silent ──(speech)──▶ speaking ──(segmentation silence, or the longest phrase)──▶ silent
 */
export class Segmenter {
  readonly #silence: number
  readonly #maxLength: number
  #position = 0
  #previousEnd = 0
  #speaking: { start: number; onset: number; voiced: number; lastVoice: number; dips: { at: number; probability: number }[] } | undefined

  constructor(listening: Pick<SegmentationSettings, 'segmentationSilenceMs' | 'maxPhraseMs'>) {
    this.#silence = milliseconds(listening.segmentationSilenceMs)
    this.#maxLength = milliseconds(listening.maxPhraseMs)
  }

  /** True after silence that probably ends the segment. */
  get isPausing(): boolean {
    const speaking = this.#speaking
    return speaking !== undefined && this.#position - speaking.lastVoice >= Math.max(leadOut, this.#silence * likelyEnd)
  }

  /** The open segment, up to its last voice so far; undefined until it is long enough to be speech. */
  get open(): Segment | undefined {
    const speaking = this.#speaking
    if (!speaking || speaking.voiced < minSpeech) return undefined
    const { start, onset, lastVoice } = speaking
    return { start, onset, offset: lastVoice, end: Math.min(this.#position, lastVoice + leadOut) }
  }

  /** The earliest sample of the next segment. */
  get needed(): number {
    return this.#speaking?.start ?? Math.max(this.#previousEnd, this.#position - lookBack)
  }

  /** Adds the probability of the next window; returns the segment that it completes. */
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
    if (this.#position - speaking.start >= this.#maxLength) return this.#cut()
    return undefined
  }

  /** Ends the stream; returns the open segment. */
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

  /** Cuts a phrase that is too long at the quietest point of its last third; the rest begins the next phrase. */
  #cut(): Segment | undefined {
    const speaking = this.#speaking
    if (!speaking) return undefined
    const late = speaking.dips.filter((dip) => dip.at - speaking.start > (this.#maxLength * 2) / 3)
    const weakest = late.reduce((best, dip) => (dip.probability < best.probability ? dip : best))
    const end = weakest.at + windowSize
    this.#previousEnd = end
    this.#speaking = { start: end, onset: end, voiced: this.#position - end, lastVoice: this.#position, dips: late.filter((dip) => dip.at >= end) }
    return { start: speaking.start, end, onset: speaking.onset, offset: end }
  }
}
