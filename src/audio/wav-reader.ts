import { AudioError, tooLong } from './audio-error.ts'
import { frameBytes, type SampleFormat, toMonoInt16 } from './sample-format.ts'
import { isWav, readWavHeader, type WavHeader } from './wav-header.ts'
import { whatFollows } from './wav-trailer.ts'

interface Expectations {
  /** A header that promises more than this, while less comes, was written before the end was known. */
  maxSeconds: number
  /** The size of the whole file, where it is known. */
  fileBytes?: number | undefined
  /** Told what the sender should know although the recording could be read. */
  warn(text: string): void
}

type WavReaderState =
  | { name: 'HEADER' }
  | { name: 'SAMPLES'; left: number }
  | { name: 'BEHIND'; isBehindTag: boolean }
  | { name: 'SKIP'; left: number; isTag: boolean }
  | { name: 'OVER' }

/** What may follow the sound without being sound. */
const maxBeside = 64 * 2 ** 20
/** Programs that write to a pipe promise about 2 or 4 GB. */
const placeholder = 0x7fff_0000
const empty = Buffer.alloc(0)

//  HEADER ─▶ SAMPLES ─▶ BEHIND ─▶ SKIP a list or tag ─▶ BEHIND; another HEADER; more SAMPLES; OVER
/** Finds the samples in a WAV file or stream that comes in pieces of any size, or in several files behind each other. */
export class WavReader {
  readonly #expect: Expectations
  #state: WavReaderState = { name: 'HEADER' }
  #format: SampleFormat | undefined
  #kept: Buffer = empty
  #fileStart = 0
  /** What the header of the present file promised, and what came of it. */
  #promised: number | undefined
  #came = 0
  /** True behind an odd number of bytes, which may be followed by one to even it. */
  #isOdd = false
  #isComplete = false
  #frames = 0
  /** Bytes behind sound that were left out. */
  #beside = 0

  constructor(expect: Expectations) {
    this.#expect = expect
  }

  /** Known once the whole header has come. */
  get format(): { sampleRate: number; channels: 1 } | undefined {
    return this.#format && { sampleRate: this.#format.sampleRate, channels: 1 }
  }

  get seconds(): number {
    return this.#format ? this.#frames / this.#format.sampleRate : 0
  }

  /** True when all sound has come that the header promised, whether or not more has followed. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  /** The samples that these bytes bring, as one channel of 16 bits; none while the header goes on. */
  read(bytes: Buffer): Buffer {
    this.#kept = this.#kept.length ? Buffer.concat([this.#kept, bytes]) : bytes
    return this.#readKept(false)
  }

  /** The samples that are left when no more comes, however little that is. */
  flush(): Buffer {
    return this.#readKept(true)
  }

  /** The last samples; throws when less came than the header promised, or nothing. */
  finish(): Buffer {
    const last = this.flush()
    if (this.#state.name === 'HEADER')
      throw new AudioError(
        'TRUNCATED_WAV_HEADER',
        this.#frames ? 'The file ends inside a second header.' : 'The file ends inside its header. Send the whole recording.',
      )
    if (this.#promised !== undefined && this.#came < this.#promised)
      throw new AudioError('TRUNCATED_AUDIO', `The header promises ${this.#promised} bytes of samples, ${this.#came} came. Send the whole recording.`)
    if (this.#frames === 0) throw new AudioError('NO_AUDIO', 'The file has a header but no samples. Record something and send it again.')
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
    // A part of a buffer would keep the whole of it.
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
      throw new AudioError('UNSUPPORTED_AUDIO', `Recordings of ${this.#format.sampleRate} and ${format.sampleRate} Hz were joined. Send them one by one.`)
    this.#format = format
    this.#promised = this.#believe(format, this.#fileStart + dataStart, dataLength)
    this.#came = 0
    this.#isComplete = false
    this.#take(dataStart)
    this.#state = { name: 'SAMPLES', left: this.#promised ?? Infinity }
  }

  /** A length that cannot have been sent is none. */
  #believe(format: SampleFormat, start: number, length: number | undefined): number | undefined {
    const { maxSeconds, fileBytes, warn } = this.#expect
    const seconds = (length ?? 0) / (frameBytes(format) * format.sampleRate)
    const isSent = fileBytes === undefined ? seconds <= maxSeconds : start + (length ?? 0) <= fileBytes
    if (length === undefined || (isSent && seconds <= maxSeconds)) return length
    if (isSent) throw tooLong(maxSeconds)
    if (length < placeholder) warn(`The header promises ${Math.round(seconds * 10) / 10} s of sound, more than was sent. What came was recognized.`)
    return undefined
  }

  #takeSamples(left: number, isEnd: boolean): Buffer {
    const format = this.#format as SampleFormat
    const size = frameBytes(format)
    const next = left === Infinity ? findWav(this.#kept) : -1
    const end = next >= 0 ? next : Math.min(left, this.#kept.length)
    const isLast = next >= 0 || end === left
    // A header may have begun within the last bytes.
    const usable = left === Infinity && !isLast && !isEnd ? end - startOfWav(this.#kept) : end
    const whole = usable - (usable % size)
    const samples = this.#take(whole)
    // The rest of a broken frame before a header is no sound.
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
    // Chunks begin at even places, which not everyone cares about.
    if (this.#isOdd && this.#kept[0] === 0) this.#take(1)
    this.#isOdd = false
    const next = whatFollows(this.#kept, isBehindTag)
    if (next.kind === 'SKIP') {
      this.#isOdd = next.bytes % 2 === 1
      this.#state = { name: 'SKIP', left: next.bytes, isTag: next.isTag }
    } else if (next.kind === 'WAV') this.#state = { name: 'HEADER' }
    else if (next.kind === 'SAMPLES') {
      this.#take(next.bytes)
      this.#promised = undefined
      this.#state = { name: 'SAMPLES', left: Infinity }
      if (next.isUnannounced) this.#expect.warn('More sound came than the WAV header promises. All of it was recognized.')
    } else {
      this.#state = { name: 'OVER' }
      this.#expect.warn(`Behind the WAV recording came ${next.name}, which was not recognized. Send it on its own.`)
    }
  }

  /** Reads over what is no sound; a small upload can unpack to any amount of it. */
  #leaveOut(bytes: number): number {
    const { length } = this.#take(bytes)
    this.#beside += length
    if (this.#beside > maxBeside) throw new AudioError('UNDECODABLE_AUDIO', 'More than 64 MB that are no sound follow the recording. Send the sound alone.')
    return length
  }

  #take(bytes: number): Buffer {
    const taken = this.#kept.subarray(0, bytes)
    this.#kept = this.#kept.subarray(taken.length)
    this.#fileStart += taken.length
    return taken
  }
}

/** Where another file begins; -1 when none does. */
function findWav(bytes: Buffer): number {
  for (const id of ['RIFF', 'RF64', 'BW64']) {
    for (let at = bytes.indexOf(id, 0, 'latin1'); at >= 0; at = bytes.indexOf(id, at + 1, 'latin1')) {
      if (isWav(bytes.subarray(at, at + 12))) return at
    }
  }
  return -1
}

/** How many of the last bytes may be the beginning of another file. */
function startOfWav(bytes: Buffer): number {
  const tail = bytes.subarray(-11).toString('latin1')
  return /(R|RI|RF|RIF|RF6|B|BW|BW6|(RIFF|RF64|BW64).{0,7})$/s.exec(tail)?.[0].length ?? 0
}
