import { AudioError, tooLong } from './audio-error.ts'
import { decodedFormat } from './decoder-messages.ts'
import type { Decoders, DecodingRequest } from './decoders.ts'
import { nameAudio, nameOther, nameSound } from './format-names.ts'
import { Lookahead } from './lookahead.ts'
import { RawReader, readContentType } from './raw-samples.ts'
import { isWav, maxHeaderBytes, readWavHeader } from './wav-header.ts'
import { WavReader } from './wav-reader.ts'

/** A part of a recording: 16-bit samples of one channel. */
export interface Sound {
  pcm: Buffer
  format: { sampleRate: number; channels: 1 }
  /** Seconds from the start of the recording to the end of this part. */
  seconds: number
}

export interface SoundOptions {
  decoders: Decoders
  /** The owner of the recording; without it, a job. */
  request?: DecodingRequest
  maxSeconds: number
  /** The size of the recording, if known. */
  fileBytes?: number | undefined
  contentType?: string | undefined
  signal: AbortSignal
  /** Receives warnings for the sender about a recording that could be read. */
  warn(text: string): void
}

/** Recordings of jobs wait without a deadline. */
const requestOfJobs: DecodingRequest = { workspaceId: '', waitMs: Number.POSITIVE_INFINITY }

/** Reads the sound of a recording of any format while it arrives. Throws an {@link AudioError}, also for a recording that is too long. */
export async function* readSound(body: AsyncIterable<Buffer>, options: SoundOptions): AsyncGenerator<Sound> {
  for await (const sound of openSound(new Lookahead(body), options)) {
    if (sound.seconds > options.maxSeconds) throw tooLong(options.maxSeconds)
    yield sound
  }
}

async function* openSound(recording: Lookahead, options: SoundOptions): AsyncGenerator<Sound> {
  const first = await recording.peek(12)
  if (!first.length) throw new AudioError('NO_AUDIO', 'The request has no audio. Send a recording as the body, for example with curl --data-binary @file.wav.')
  const samples = options.contentType && !nameAudio(first) ? readContentType(options.contentType) : undefined
  if (samples) return yield* readRaw(recording.rest(), new RawReader(samples), samples.sampleRate)
  await recording.skipTags()
  const head = await recording.peek(12)
  if (!head.length) throw new AudioError('NO_AUDIO', 'The recording contains only tags or zeros. Record sound and send the recording again.')
  if (head.length < 12 && 'RIFF'.startsWith(head.toString('latin1', 0, 4)))
    throw new AudioError('TRUNCATED_WAV_HEADER', 'The file ends within its header. Send the whole recording.')
  if (isWav(head) && (await isPlainWav(recording, options.decoders))) return yield* readWav(recording, options)
  const name = nameOther(await recording.peek(64))
  if (name)
    throw new AudioError(
      'UNSUPPORTED_AUDIO',
      `This is ${name}. Send a recording, for example ${options.decoders.isAvailable ? 'WAV, MP3, M4A, FLAC, Ogg or WebM' : 'a WAV file'}.`,
    )
  if (!options.decoders.isAvailable)
    throw new AudioError(
      'UNSUPPORTED_AUDIO',
      `${nameSound(head) ? `This is ${nameSound(head)}` : 'This is not a WAV file'}, and this server reads only WAV. Send 8, 16, 24 or 32-bit PCM, floating point, µ-law or A-law in a WAV file.`,
    )
  yield* readDecoded(recording, options)
}

/** True if the samples of a WAV file can be read without a decoder process. */
async function isPlainWav(recording: Lookahead, { isAvailable }: Decoders): Promise<boolean> {
  for (let bytes = 44; ; bytes = Math.min(bytes * 2, maxHeaderBytes + 8)) {
    const head = await recording.peek(bytes)
    const header = readWavHeader(head)
    if (header) return header.format !== undefined || !isAvailable
    if (head.length < bytes) return true
  }
}

async function* readWav(recording: Lookahead, { maxSeconds, fileBytes, warn }: SoundOptions): AsyncGenerator<Sound> {
  const reader = new WavReader({ maxSeconds, warn, fileBytes: fileBytes && fileBytes - recording.skipped })
  const sound = (pcm: Buffer) => (reader.format && pcm.length ? [{ pcm, format: reader.format, seconds: reader.seconds }] : [])
  for await (const chunk of recording.rest()) yield* sound(reader.read(chunk))
  yield* sound(reader.finish())
}

async function* readRaw(body: AsyncIterable<Buffer>, reader: RawReader, sampleRate: number): AsyncGenerator<Sound> {
  let seconds = 0
  const sound = (pcm: Buffer): Sound => {
    seconds += pcm.length / 2 / sampleRate
    return { pcm, format: { sampleRate, channels: 1 }, seconds }
  }
  for await (const chunk of body) yield sound(reader.read(chunk))
  const last = sound(reader.finish())
  if (!seconds) throw new AudioError('NO_AUDIO', 'The request has less than one sample. Record sound and send the recording again.')
  yield last
}

async function* readDecoded(recording: Lookahead, { decoders, request = requestOfJobs, warn, signal }: SoundOptions): AsyncGenerator<Sound> {
  let seconds = 0
  for await (const pcm of decoders.decode(recording.rest(), warn, { ...request, signal })) {
    seconds += pcm.length / 2 / decodedFormat.sampleRate
    yield { pcm, format: decodedFormat, seconds }
  }
}
