import { PcmReader } from './audio.ts'
import { containerOf, unpack } from './container.ts'
import { SpeechProblem } from './problem.ts'

/** Some of a recording's sound. */
export interface Sound {
  pcm: Buffer
  format: { sampleRate: number; channels: number }
  /** Seconds of the recording up to here. */
  seconds: number
}

/** Takes a sentence about a recording that the client should read although the recording is taken. */
export type Warn = (warning: string) => void

/** Finds the sound in a WAV file or a compressed one, as it comes; refuses what is longer than it may be. */
export async function* readSound(body: AsyncIterable<Buffer>, longestSeconds: number, signal: AbortSignal, _warn: Warn): AsyncGenerator<Sound> {
  const { head, whole } = await peek(body)
  const container = containerOf(head)
  const sounds = container ? readCompressed(unpack(container, whole, signal), longestSeconds) : readWav(whole, longestSeconds)
  for await (const sound of sounds) {
    if (sound.seconds > longestSeconds) throw tooLong(longestSeconds)
    yield sound
  }
}

async function* readWav(body: AsyncIterable<Buffer>, longestSeconds: number): AsyncGenerator<Sound> {
  const reader = new PcmReader()
  for await (const chunk of body) {
    const pcm = reader.read(chunk)
    const { format } = reader
    if (!format) continue
    if ((reader.promised ?? 0) > longestSeconds * format.sampleRate * format.channels * 2) throw tooLong(longestSeconds)
    yield { pcm, format, seconds: reader.seconds }
  }
  reader.finish()
}

async function* readCompressed(pieces: ReturnType<typeof unpack>, longestSeconds: number): AsyncGenerator<Sound> {
  let rate: number | undefined
  let seconds = 0
  for await (const { pcm, sampleRate } of pieces) {
    if (sampleRate < 8_000 || sampleRate > 96_000 || (rate ?? sampleRate) !== sampleRate)
      throw new SpeechProblem(415, 'UNSUPPORTED_AUDIO', `The sample rate is ${sampleRate} Hz, or changes. Send 8 to 96 kHz throughout.`)
    rate = sampleRate
    seconds += pcm.length / 2 / sampleRate
    if (seconds > longestSeconds) throw tooLong(longestSeconds)
    yield { pcm, format: { sampleRate, channels: 1 }, seconds }
  }
  if (!seconds) throw new SpeechProblem(415, 'UNDECODABLE_AUDIO', 'The file holds no sound that can be unpacked. Save the recording again, or send a WAV file.')
}

/** The first bytes, and the body with them. */
async function peek(body: AsyncIterable<Buffer>): Promise<{ head: Buffer; whole: AsyncIterable<Buffer> }> {
  const chunks = body[Symbol.asyncIterator]()
  let head: Buffer = Buffer.alloc(0)
  while (head.length < 4) {
    const next = await chunks.next()
    if (next.done) break
    head = Buffer.concat([head, next.value])
  }
  async function* whole() {
    if (head.length) yield head
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value
  }
  return { head, whole: whole() }
}

const tooLong = (seconds: number) => new SpeechProblem(413, 'AUDIO_TOO_LONG', `The recording is longer than ${seconds} seconds. Send it in parts.`)
