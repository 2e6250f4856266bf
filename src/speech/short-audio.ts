import type { IncomingMessage } from 'node:http'
import type { RecognitionMode, ServedDeployment } from '../domain/endpoint.ts'
import { type Pcm, type Recognition, sampleRate } from '../recognition/recognizer.ts'
import { SpeechProblem } from './problem.ts'
import { longestHeader, readWavHeader, type WavFormat } from './wav.ts'

/** The Speech REST API for short audio takes at most a minute. */
const longestSeconds = 60
/** No upload may pause for longer, or take longer in all. */
const idleMs = 10_000
const uploadMs = 90_000

/** Reads a WAV body; holds no more than a minute of audio, and no more memory than has arrived. */
export async function readShortAudio(request: IncomingMessage): Promise<Pcm> {
  let received = Buffer.alloc(0)
  let samples: Samples | undefined
  let format: WavFormat | undefined
  for await (const chunk of withDeadlines(request)) {
    if (samples) {
      samples.append(chunk)
      continue
    }
    received = Buffer.concat([received, chunk])
    format = readWavHeader(received)
    if (format) {
      samples = new Samples(format)
      samples.append(received.subarray(format.dataStart))
    } else if (received.length > longestHeader) {
      throw new SpeechProblem(400, 'INVALID_WAV_HEADER', 'The header is longer than 64 kB. Save the recording again as a 16-bit PCM WAV file.')
    }
  }
  if (!received.length)
    throw new SpeechProblem(400, 'NO_AUDIO', 'The request has no audio. Send a WAV file as the body, for example with curl --data-binary @file.wav.')
  if (!format || !samples) throw new SpeechProblem(400, 'TRUNCATED_WAV_HEADER', 'The file ends inside its header. Send the whole recording.')
  return { samples: samples.whole(), sampleRate: format.sampleRate, channels: format.channels }
}

/** The samples of one recording as they come in. */
class Samples {
  readonly #format: WavFormat
  readonly #most: number
  #bytes = Buffer.alloc(64 * 1024)
  #length = 0

  constructor(format: WavFormat) {
    this.#format = format
    this.#most = Math.min(longestBytes(format), format.dataLength ?? Number.POSITIVE_INFINITY)
    if ((format.dataLength ?? 0) > longestBytes(format)) throw tooLong()
  }

  append(chunk: Buffer) {
    const wanted = this.#length + chunk.length
    if (this.#format.dataLength === undefined && wanted > this.#most) throw tooLong()
    if (wanted > this.#bytes.length) {
      const larger = Buffer.alloc(Math.min(this.#most, Math.max(wanted, this.#bytes.length * 2)))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    // Whatever follows the promised samples, such as a list of tags, is not sound.
    this.#length += chunk.copy(this.#bytes, this.#length, 0, this.#most - this.#length)
  }

  whole(): Uint8Array {
    const promised = this.#format.dataLength
    if (promised !== undefined && this.#length < promised) {
      throw new SpeechProblem(422, 'TRUNCATED_AUDIO', `The header promises ${promised} bytes of samples, ${this.#length} came. Send the whole recording.`)
    }
    if (this.#length === 0) throw new SpeechProblem(400, 'NO_AUDIO', 'The file has a header but no samples. Record something and send it again.')
    return this.#bytes.subarray(0, this.#length)
  }
}

const longestBytes = ({ sampleRate, channels }: WavFormat) => longestSeconds * sampleRate * channels * 2

const tooLong = () => new SpeechProblem(413, 'AUDIO_TOO_LONG', `The recording is longer than ${longestSeconds} seconds. Send it in parts.`)

/** The body's chunks, or an error when they come too slowly; the connection stays open for the answer. */
async function* withDeadlines(request: IncomingMessage): AsyncGenerator<Buffer> {
  const tooLate = performance.now() + uploadMs
  const chunks = request.iterator({ destroyOnReturn: false })
  while (true) {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, rejected) => {
      const patience = Math.max(0, Math.min(idleMs, tooLate - performance.now()))
      timer = setTimeout(() => rejected(new SpeechProblem(408, 'UPLOAD_TOO_SLOW', 'The audio did not arrive in time. Send it faster.')), patience)
    })
    const next = await Promise.race([chunks.next(), late]).finally(() => clearTimeout(timer))
    if (next.done) return
    yield next.value
  }
}

const ticks = (samples: number) => Math.round((samples * 10_000_000) / sampleRate)

/**
 * The answer of the Speech REST API for short audio. Offset and Duration count 100 ns ticks.
 * https://learn.microsoft.com/azure/ai-services/speech-service/rest-speech-to-text-short
 */
export function toShortAudioJson(recognition: Recognition, detailed: boolean): object {
  const { phrases, heard } = recognition
  const [first, last] = [phrases[0], phrases.at(-1)]
  if (!first || !last) {
    const status = recognition.status === 'INITIAL_SILENCE' ? 'InitialSilenceTimeout' : 'NoMatch'
    return { RecognitionStatus: status, Offset: status === 'NoMatch' ? 0 : ticks(heard), Duration: 0, ...(detailed ? {} : { DisplayText: '' }) }
  }
  const display = phrases.map((phrase) => phrase.display).join(' ')
  const lexical = phrases.map((phrase) => phrase.lexical).join(' ')
  const place = { Offset: ticks(first.offset), Duration: ticks(last.offset + last.duration - first.offset) }
  if (!detailed) return { RecognitionStatus: 'Success', ...place, DisplayText: display }
  const confidence = Math.min(...phrases.map((phrase) => phrase.confidence))
  return {
    RecognitionStatus: 'Success',
    ...place,
    DisplayText: display,
    NBest: [{ Confidence: Number(confidence.toFixed(4)), Lexical: lexical, ITN: lexical, MaskedITN: lexical, Display: display }],
  }
}

/** Says which deployment and models answered, so that nobody has to believe it. */
export const provenance = ({ deployment }: ServedDeployment, mode: RecognitionMode) => ({
  'x-deployment-id': deployment.id,
  'x-acoustic-model-id': deployment.acousticModelId,
  'x-language-model-id': deployment.languageModelId,
  'x-recognition-mode': mode,
})
