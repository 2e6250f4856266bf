import { AudioError } from './audio-error.ts'
import { type Encoding, frameBytes, maxChannels, type SampleFormat, sampleRates, toMonoInt16 } from './sample-format.ts'

const encodings: Record<string, { encoding: Encoding; sampleRate?: number }> = {
  l16: { encoding: 'S16BE' },
  'x-l16': { encoding: 'S16BE' },
  pcm: { encoding: 'S16' },
  'x-pcm': { encoding: 'S16' },
  raw: { encoding: 'S16' },
  'x-raw': { encoding: 'S16' },
  basic: { encoding: 'MULAW', sampleRate: 8000 },
  mulaw: { encoding: 'MULAW', sampleRate: 8000 },
  'x-mulaw': { encoding: 'MULAW', sampleRate: 8000 },
  pcmu: { encoding: 'MULAW', sampleRate: 8000 },
  alaw: { encoding: 'ALAW', sampleRate: 8000 },
  'x-alaw': { encoding: 'ALAW', sampleRate: 8000 },
  pcma: { encoding: 'ALAW', sampleRate: 8000 },
}

/** The format that a Content-Type names; undefined for containers, whose header names it. */
export function readContentType(contentType: string): SampleFormat | undefined {
  const [type = '', ...parameters] = contentType.toLowerCase().split(';')
  const found = encodings[/^\s*audio\/(\S+)\s*$/.exec(type)?.[1] ?? '']
  if (!found) return undefined
  const value = (name: RegExp) =>
    parameters
      .map((one) => one.split('='))
      .find(([key = '']) => name.test(key.trim()))?.[1]
      ?.replaceAll(/[\s"]/g, '')
  const sampleRate = Number(value(/^(sample-?)?rate$/) ?? found.sampleRate)
  const channels = Number(value(/^channels$/) ?? 1)
  const { min, max } = sampleRates
  if (!(sampleRate >= min && sampleRate <= max && channels >= 1 && channels <= maxChannels) || !Number.isInteger(sampleRate) || !Number.isInteger(channels))
    throw new AudioError(
      'UNSUPPORTED_AUDIO',
      `Samples without a header need a sample rate in the Content-Type, for example "${type.trim()}; rate=16000". Send ${min} to ${max} Hz and at most ${maxChannels} channels.`,
    )
  const isLittle = value(/^endian(ness)?$/)?.startsWith('little')
  return { encoding: found.encoding === 'S16BE' && isLittle ? 'S16' : found.encoding, sampleRate, channels }
}

const maxToCompare = 3200

/** Converts samples without a header, in pieces of any size. */
export class RawReader {
  #format: SampleFormat
  #kept: Buffer = Buffer.alloc(0)
  #isDecided: boolean

  constructor(format: SampleFormat) {
    this.#format = format
    this.#isDecided = format.encoding !== 'S16BE'
  }

  read(bytes: Buffer): Buffer {
    this.#kept = Buffer.concat([this.#kept, bytes])
    return this.#kept.length < maxToCompare && !this.#isDecided ? Buffer.alloc(0) : this.finish()
  }

  finish(): Buffer {
    // RFC 2586 sends the upper byte first, but most clients send the lower one first. Sound is smoother in the right order.
    if (!this.#isDecided && this.#kept.length) {
      if (roughness(this.#kept, 'readInt16LE') < roughness(this.#kept, 'readInt16BE')) this.#format = { ...this.#format, encoding: 'S16' }
      this.#isDecided = true
    }
    const whole = this.#kept.length - (this.#kept.length % frameBytes(this.#format))
    const samples = toMonoInt16(this.#kept.subarray(0, whole), this.#format)
    this.#kept = Buffer.from(this.#kept.subarray(whole))
    return samples
  }
}

function roughness(bytes: Buffer, read: 'readInt16LE' | 'readInt16BE'): number {
  let sum = 0
  for (let at = 0; at + 4 <= bytes.length; at += 2) sum += Math.abs(bytes[read](at + 2) - bytes[read](at))
  return sum
}
