import { SpeechProblem } from './problem.ts'
import { longestHeader, readWavHeader, type WavFormat } from './wav.ts'

/** Finds the samples in a WAV file or stream that comes in pieces of any size. */
export class PcmReader {
  #head: Buffer = Buffer.alloc(0)
  #format: WavFormat | undefined
  /** Bytes of a sample that came in two pieces. */
  #rest: Buffer = Buffer.alloc(0)
  #received = 0
  readonly #readsOn: boolean

  /** One that reads on takes what comes behind the promised samples for more of them, as it is in a live stream. */
  constructor({ readsOn = false } = {}) {
    this.#readsOn = readsOn
  }

  /** Known once the whole header has come. */
  get format(): { sampleRate: number; channels: number } | undefined {
    return this.#format
  }

  /** Bytes of samples so far. */
  get received(): number {
    return this.#received
  }

  get seconds(): number {
    return this.#format ? this.#received / (this.#format.sampleRate * this.#format.channels * 2) : 0
  }

  /** Bytes of samples that the header promised; undefined when it did not. */
  get promised(): number | undefined {
    return this.#format?.dataLength
  }

  get isEmpty(): boolean {
    return !this.#format && !this.#head.length
  }

  /** The whole frames of samples that these bytes bring; none while the header goes on. */
  read(bytes: Buffer): Buffer {
    if (this.#format) return this.#take(this.#format, bytes)
    this.#head = Buffer.concat([this.#head, bytes])
    this.#format = readWavHeader(this.#head)
    if (!this.#format) {
      if (this.#head.length > longestHeader)
        throw new SpeechProblem(400, 'INVALID_WAV_HEADER', 'The header is longer than 64 kB. Save the recording again as a 16-bit PCM WAV file.')
      return Buffer.alloc(0)
    }
    const samples = this.#head.subarray(this.#format.dataStart)
    this.#head = Buffer.alloc(0)
    return this.#take(this.#format, samples)
  }

  /** Throws when what came is not what the header promised, or nothing. */
  finish(): void {
    if (this.isEmpty)
      throw new SpeechProblem(400, 'NO_AUDIO', 'The request has no audio. Send a WAV file as the body, for example with curl --data-binary @file.wav.')
    if (!this.#format) throw new SpeechProblem(400, 'TRUNCATED_WAV_HEADER', 'The file ends inside its header. Send the whole recording.')
    const { dataLength } = this.#format
    if (dataLength !== undefined && this.#received < dataLength)
      throw new SpeechProblem(422, 'TRUNCATED_AUDIO', `The header promises ${dataLength} bytes of samples, ${this.#received} came. Send the whole recording.`)
    if (this.#received === 0) throw new SpeechProblem(400, 'NO_AUDIO', 'The file has a header but no samples. Record something and send it again.')
  }

  #take({ channels, dataLength }: WavFormat, bytes: Buffer): Buffer {
    // Whatever follows the promised samples, such as a list of tags, is not sound.
    const wanted = dataLength === undefined || this.#readsOn ? bytes : bytes.subarray(0, Math.max(0, dataLength - this.#received))
    this.#received += wanted.length
    const samples = this.#rest.length ? Buffer.concat([this.#rest, wanted]) : wanted
    const whole = samples.length - (samples.length % (channels * 2))
    this.#rest = Buffer.from(samples.subarray(whole))
    return samples.subarray(0, whole)
  }
}
