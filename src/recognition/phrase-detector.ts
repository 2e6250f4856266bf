import { Resampler, toMonoFloat32 } from '../audio/resampler.ts'
import { SampleBuffer } from '../audio/sample-buffer.ts'
import type { Detected, ListeningProgress } from './detector-messages.ts'
import type { StreamRequest } from './recognizer-stream.ts'
import { type Segment, Segmenter } from './segmenter.ts'
import { maxWindows, type VoiceActivity, windowSize } from './voice-activity.ts'

const maxUnvoiced = 160 * 16
const step = 10 * 16

/** Converts the audio of one stream, finds voice and cuts phrases. */
export class Detection {
  readonly #activity: VoiceActivity
  readonly #segmenter: Segmenter
  readonly #resampler: Resampler
  readonly #channels: number
  readonly #found: (detected: Detected) => void
  readonly #sound = new SampleBuffer()
  #oddBytes = new Uint8Array(0)
  #judged = 0
  #phrase = 0
  #onset = 0
  #told: { started: boolean; pause: number | undefined } = { started: false, pause: undefined }

  constructor(activity: VoiceActivity, { format, listening }: Pick<StreamRequest, 'format' | 'listening'>, found: (detected: Detected) => void) {
    this.#activity = activity
    this.#segmenter = new Segmenter(listening)
    this.#resampler = new Resampler(format.sampleRate)
    this.#channels = format.channels
    this.#found = found
  }

  /** Processes more audio. `isBehind` returns whether more audio waits, which makes guesses at a pause pointless. */
  async hear(pcm: Uint8Array, isBehind: () => boolean): Promise<void> {
    this.#sound.append(this.#resampler.push(toMonoFloat32(this.#wholeFrames(pcm), this.#channels)))
    for (;;) {
      const count = Math.min(maxWindows, Math.floor((this.#sound.end - this.#judged) / windowSize))
      if (!count) break
      await this.#judge(count, isBehind)
    }
    this.#sound.forget(Math.min(this.#segmenter.needed, this.#judged))
  }

  /** Ends the stream and the open phrase. */
  async finish(): Promise<void> {
    this.#sound.append(this.#resampler.end())
    // Silence fills the last window.
    while (this.#judged < this.#sound.end) await this.#judge(1, () => true)
    const last = this.#segmenter.end()
    if (last) this.#end({ ...last, end: Math.min(last.end, this.#sound.end), offset: Math.min(last.offset, this.#sound.end) })
  }

  get heard(): ListeningProgress {
    return { heard: this.#sound.end, voice: this.#segmenter.open?.offset }
  }

  /** The phrase so far; undefined if it has ended. */
  grown(phrase: number): { segment: Segment; audio: Int16Array } | undefined {
    const open = this.#segmenter.open
    if (!open || phrase !== this.#phrase) return undefined
    return { segment: { ...open, onset: this.#onset }, audio: this.#sound.slice(open.start, open.end) }
  }

  async #judge(count: number, isBehind: () => boolean) {
    const samples = new Float32Array(count * windowSize)
    this.#sound.read(this.#judged, samples)
    for (const probability of await this.#activity.judge(samples)) this.#follow(probability, isBehind)
  }

  #follow(probability: number, isBehind: () => boolean) {
    this.#judged += windowSize
    const ended = this.#segmenter.push(probability)
    if (ended) this.#end(ended)
    const open = this.#segmenter.open
    if (!open) return
    if (!this.#told.started) this.#start(open)
    const isPause = this.#segmenter.isPausing && this.#told.pause !== open.offset
    if (isPause && this.#sound.end - this.#judged < windowSize && !isBehind()) {
      this.#told.pause = open.offset
      this.#found({ kind: 'PAUSED', phrase: this.#phrase, segment: { ...open, onset: this.#onset }, audio: this.#sound.slice(open.start, open.end) })
    }
  }

  #start(segment: Segment) {
    this.#told.started = true
    this.#onset = this.#findOnset(segment)
    this.#found({ kind: 'STARTED', phrase: this.#phrase, onset: this.#onset })
  }

  /** Moves the onset back over audible sound without a gap, because the detector recognizes unvoiced sounds such as "f" late. */
  #findOnset({ start, onset }: Segment): number {
    const audible = this.#sound.loudness(onset, onset + windowSize) / 10
    const earliest = Math.max(start, onset - maxUnvoiced)
    let found = onset
    while (found - step >= earliest && this.#sound.loudness(found - step, found) > audible) found -= step
    return found
  }

  #end(segment: Segment) {
    const isAsPaused = this.#told.pause === segment.offset
    if (!this.#told.started) this.#start(segment)
    this.#found({
      kind: 'ENDED',
      phrase: this.#phrase,
      segment: { ...segment, onset: this.#onset },
      audio: isAsPaused ? undefined : this.#sound.slice(segment.start, segment.end),
    })
    this.#phrase++
    this.#told = { started: false, pause: undefined }
  }

  /** Keeps an incomplete frame at the end of a chunk for the next one. */
  #wholeFrames(pcm: Uint8Array): Uint8Array {
    const bytes = this.#oddBytes.length ? Buffer.concat([this.#oddBytes, pcm]) : pcm
    const whole = bytes.length - (bytes.length % (2 * this.#channels))
    this.#oddBytes = bytes.slice(whole)
    return bytes.subarray(0, whole)
  }
}
