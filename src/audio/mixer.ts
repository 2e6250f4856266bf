import type { AVChannelOrder, AVSampleFormat } from 'node-av/constants'
import { avChannelLayoutDefault, type Frame, SoftwareResampleContext } from 'node-av/lib'
import { AudioError } from './audio-error.ts'
import { decodedFormat } from './decoder-messages.ts'
import { maxChannels } from './sample-format.ts'

const signed16 = 1 as AVSampleFormat
const maxPause = 1
const rates = { min: 1_000, max: 768_000 }

/** Converts decoded frames of any rate and number of channels, which can change between frames. */
export class Mixer {
  readonly #found: (pcm: Buffer) => void
  #resampler: SoftwareResampleContext | undefined
  #present = ''
  #samples = 0

  constructor(found: (pcm: Buffer) => void) {
    this.#found = found
  }

  get seconds(): number {
    return this.#samples / decodedFormat.sampleRate
  }

  push(frame: Frame): void {
    const { sampleRate, channels, format, nbSamples, extendedData } = frame
    const wanted = `${sampleRate} ${channels} ${format}`
    if (wanted !== this.#present) this.#open(frame)
    this.#present = wanted
    if (extendedData) this.#convert(extendedData, nbSamples)
  }

  /** Adds silence of at most one second, so that later sound keeps its time. */
  pause(seconds: number): void {
    const samples = Math.round(Math.min(seconds, maxPause) * decodedFormat.sampleRate)
    if (samples <= 0) return
    this.#samples += samples
    this.#found(Buffer.alloc(2 * samples))
  }

  /** Sends the samples that are left in the filter. */
  finish(): void {
    if (this.#resampler) this.#convert(null, 0)
    this.#resampler?.free()
    this.#resampler = undefined
  }

  #open({ sampleRate, channels, format }: Frame) {
    this.finish()
    if (channels < 1 || channels > maxChannels)
      throw new AudioError('UNSUPPORTED_AUDIO', `The file has ${channels} channels. Send 1 to ${maxChannels} channels; the server mixes them down to one.`)
    if (sampleRate < rates.min || sampleRate > rates.max) throw new AudioError('UNSUPPORTED_AUDIO', `The sample rate is ${sampleRate} Hz. Send 1 to 768 kHz.`)
    const resampler = new SoftwareResampleContext()
    const unordered = { nbChannels: channels, order: 0 as AVChannelOrder, mask: 0n }
    resampler.allocSetOpts2(avChannelLayoutDefault(1), signed16, decodedFormat.sampleRate, unordered, format as AVSampleFormat, sampleRate)
    // All channels have the same weight.
    resampler.setMatrix(Array(channels).fill(1 / channels), channels)
    if (resampler.init() < 0) throw new AudioError('UNDECODABLE_AUDIO', 'The samples cannot be converted. Save the recording again, or send a WAV file.')
    this.#resampler = resampler
  }

  #convert(planes: Buffer[] | null, count: number) {
    const resampler = this.#resampler as SoftwareResampleContext
    const capacity = resampler.getOutSamples(count) + 64
    const pcm = Buffer.alloc(2 * capacity)
    const made = resampler.convertSync([pcm], capacity, planes, count)
    if (made <= 0) return
    this.#samples += made
    this.#found(pcm.subarray(0, 2 * made))
  }
}
