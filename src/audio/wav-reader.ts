import { AudioError, tooLong } from './audio-error.ts'
import { frameBytes, type SampleFormat, toMonoInt16 } from './sample-format.ts'
import { isWav, readWavHeader, type WavHeader } from './wav-header.ts'
import { identifyTrailer } from './wav-trailer.ts'

interface Expectations {
  /** The longest accepted recording. A header with a longer length was written before the length was known. */
  maxSeconds: number
  /** The size of the whole file, if known. */
  fileBytes?: number | undefined
  /** Receives warnings for the sender about a recording that could be read. */
  warn(text: string): void
}

type WavReaderState =
  | { name: 'HEADER' }
  | { name: 'SAMPLES'; left: number }
  | { name: 'BEHIND'; isBehindTag: boolean }
  | { name: 'SKIP'; left: number; isTag: boolean }
  | { name: 'OVER' }

/** The most bytes after the sound that are not sound. */
const maxBeside = 64 * 2 ** 20
/** Programs that write to a pipe give a length of about 2 or 4 GB. */
const placeholder = 0x7fff_0000
const empty = Buffer.alloc(0)

//  HEADER ─▶ SAMPLES ─▶ BEHIND ─▶ SKIP a list or tag ─▶ BEHIND; another HEADER; more SAMPLES; OVER
/** Reads the samples of a WAV file, a stream or several joined files, in pieces of any size. */
export class WavReader {
  readonly #expect: Expectations
  #state: WavReaderState = { name: 'HEADER' }
  #format: SampleFormat | undefined
  #kept: Buffer = empty
  #fileStart = 0
  /** Bytes of samples according to the header of the present file, and bytes received so far. */
  #promised: number | undefined
  #came = 0
  /** True after an odd number of bytes, which a padding byte can follow. */
  #isOdd = false
  #isComplete = false
  #frames = 0
  /** Skipped bytes that are not sound. */
  #beside = 0

  constructor(expect: Expectations) {
    this.#expect = expect
  }

  /** Undefined until the header is complete. */
  get format(): { sampleRate: number; channels: 1 } | undefined {
    return this.#format && { sampleRate: this.#format.sampleRate, channels: 1 }
  }

  get seconds(): number {
    return this.#format ? this.#frames / this.#format.sampleRate : 0
  }

  /** True after all the sound that the header announces, also if more follows. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  /** The samples in these bytes, as one channel of 16 bits; none while the header is incomplete. */
  read(bytes: Buffer): Buffer {
    this.#kept = this.#kept.length ? Buffer.concat([this.#kept, bytes]) : bytes
    return this.#readKept(false)
  }

  /** The samples that are left after the last byte. */
  flush(): Buffer {
    return this.#readKept(true)
  }

  /** The last samples. Throws if the file has fewer samples than its header announces, or none. */
  finish(): Buffer {
    const last = this.flush()
    if (this.#state.name === 'HEADER')
      throw new AudioError(
        'TRUNCATED_WAV_HEADER',
        this.#frames ? 'The recording ends within a second header. Send the whole recording.' : 'The file ends within its header. Send the whole recording.',
      )
    if (this.#promised !== undefined && this.#came < this.#promised)
      throw new AudioError(
        'TRUNCATED_AUDIO',
        `The header announces ${this.#promised} bytes of samples, but the file has ${this.#came}. Send the whole recording.`,
      )
    if (this.#frames === 0) throw new AudioError('NO_AUDIO', 'The file has a header but no samples. Record sound and send the recording again.')
    return last
  }

  #readKept(isEnd: boolean): Buffer {
    const found: Buffer[] = []
    let before: WavReaderState
    do {
      before = this.#state
      const samples = this.#step(isEnd)
      if (samples.length) found.push(samples)
    } while (before !== this.#state)
    // A slice would keep the whole buffer in memory.
    if (this.#kept.length) this.#kept = Buffer.from(this.#kept)
    return found.length === 1 ? (found[0] as Buffer) : Buffer.concat(found)
  }

  #step(isEnd: boolean): Buffer {
    switch (this.#state.name) {
      case 'HEADER': {
        const header = isWav(this.#kept) ? readWavHeader(this.#kept) : undefined
        if (header) this.#begin(header)
        return empty
      }
      case 'SAMPLES':
        return this.#takeSamples(this.#state.left, isEnd)
      case 'BEHIND':
        this.#lookBehind(this.#state.isBehindTag, isEnd)
        return empty
      case 'SKIP': {
        this.#state.left -= this.#leaveOut(this.#state.left)
        if (!this.#state.left) this.#state = { name: 'BEHIND', isBehindTag: this.#state.isTag }
        return empty
      }
      case 'OVER':
        this.#leaveOut(Infinity)
        return empty
    }
  }

  #begin({ format, description, dataStart, dataLength }: WavHeader) {
    if (!format) throw new AudioError('UNSUPPORTED_AUDIO', `This is ${description}. Save it as 16-bit PCM.`)
    if (this.#format && this.#format.sampleRate !== format.sampleRate)
      throw new AudioError(
        'UNSUPPORTED_AUDIO',
        `Recordings of ${this.#format.sampleRate} and ${format.sampleRate} Hz were joined. Send each recording in a separate request.`,
      )
    this.#format = format
    this.#promised = this.#believe(format, this.#fileStart + dataStart, dataLength)
    this.#came = 0
    this.#isComplete = false
    this.#take(dataStart)
    this.#state = { name: 'SAMPLES', left: this.#promised ?? Infinity }
  }

  /** The length in the header, or undefined if the file cannot be that long. */
  #believe(format: SampleFormat, start: number, length: number | undefined): number | undefined {
    const { maxSeconds, fileBytes, warn } = this.#expect
    const seconds = (length ?? 0) / (frameBytes(format) * format.sampleRate)
    const isSent = fileBytes === undefined ? seconds <= maxSeconds : start + (length ?? 0) <= fileBytes
    if (length === undefined || (isSent && seconds <= maxSeconds)) return length
    if (isSent) throw tooLong(maxSeconds)
    if (length < placeholder)
      warn(`The header announces ${Math.round(seconds * 10) / 10} s of sound, but the file is shorter. The sound in the file was recognized.`)
    return undefined
  }

  #takeSamples(left: number, isEnd: boolean): Buffer {
    const format = this.#format as SampleFormat
    const size = frameBytes(format)
    const next = left === Infinity ? findWav(this.#kept) : -1
    const end = next >= 0 ? next : Math.min(left, this.#kept.length)
    const isLast = next >= 0 || end === left
    // The last bytes can be the start of a header.
    const usable = left === Infinity && !isLast && !isEnd ? end - startOfWav(this.#kept) : end
    const whole = usable - (usable % size)
    const samples = this.#take(whole)
    // An incomplete frame before a header is skipped.
    if (isLast) this.#take(end - whole)
    this.#came += isLast ? end : whole
    this.#frames += whole / size
    if (isLast) {
      this.#state = { name: 'BEHIND', isBehindTag: false }
      this.#isOdd = (this.#promised ?? 0) % 2 === 1
      this.#isComplete ||= left !== Infinity
    }
    if (this.#state.name === 'SAMPLES') this.#state.left -= whole
    return toMonoInt16(samples, format)
  }

  #lookBehind(isBehindTag: boolean, isEnd: boolean) {
    if (this.#kept.length < 12 && !isEnd) return
    if (this.#kept.length < 8) return void this.#take(Infinity)
    // Some programs do not pad a chunk of odd length.
    if (this.#isOdd && this.#kept[0] === 0) this.#take(1)
    this.#isOdd = false
    const next = identifyTrailer(this.#kept, isBehindTag)
    if (next.kind === 'SKIP') {
      this.#isOdd = next.bytes % 2 === 1
      this.#state = { name: 'SKIP', left: next.bytes, isTag: next.isTag }
    } else if (next.kind === 'WAV') this.#state = { name: 'HEADER' }
    else if (next.kind === 'SAMPLES') {
      this.#take(next.bytes)
      this.#promised = undefined
      this.#state = { name: 'SAMPLES', left: Infinity }
      if (next.isUnannounced) this.#expect.warn('The recording has more sound than its WAV header announces. All of it was recognized.')
    } else {
      this.#state = { name: 'OVER' }
      this.#expect.warn(`The WAV recording is followed by ${next.name}, which was not recognized. Send it in a separate request.`)
    }
  }

  /** Skips bytes that are not sound. Their number is limited because a small upload can unpack to any number of them. */
  #leaveOut(bytes: number): number {
    const { length } = this.#take(bytes)
    this.#beside += length
    if (this.#beside > maxBeside) throw new AudioError('UNDECODABLE_AUDIO', 'More than 64 MB after the recording are not sound. Send only the sound.')
    return length
  }

  #take(bytes: number): Buffer {
    const taken = this.#kept.subarray(0, bytes)
    this.#kept = this.#kept.subarray(taken.length)
    this.#fileStart += taken.length
    return taken
  }
}

/** The position at which another file begins; -1 if none begins. */
function findWav(bytes: Buffer): number {
  for (const id of ['RIFF', 'RF64', 'BW64']) {
    for (let at = bytes.indexOf(id, 0, 'latin1'); at >= 0; at = bytes.indexOf(id, at + 1, 'latin1')) {
      if (isWav(bytes.subarray(at, at + 12))) return at
    }
  }
  return -1
}

/** The number of last bytes that can be the start of another file. */
function startOfWav(bytes: Buffer): number {
  const tail = bytes.subarray(-11).toString('latin1')
  return /(R|RI|RF|RIF|RF6|B|BW|BW6|(RIFF|RF64|BW64).{0,7})$/s.exec(tail)?.[0].length ?? 0
}
