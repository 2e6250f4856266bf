import type { IncomingMessage } from 'node:http'
import type { RecognitionMode, ServedDeployment } from '../domain/endpoint.ts'
import { type Recognition, sampleRate } from '../recognition/recognizer.ts'
import { readWavHeader, resample, toMono, type WavFormat } from './audio.ts'
import { SpeechProblem } from './problem.ts'

/** The Speech REST API for short audio takes at most a minute. */
const longestSeconds = 60
/** No upload may pause for longer, or take longer in all. */
const idleMs = 10_000
const uploadMs = 90_000

/** Reads a WAV body and answers its samples at 16 kHz; holds no more than a minute of audio. */
export async function readShortAudio(request: IncomingMessage): Promise<Float32Array> {
  let received = Buffer.alloc(0)
  let samples: Buffer | undefined
  let length = 0
  let format: WavFormat | undefined
  for await (const chunk of withDeadlines(request)) {
    if (!format) {
      received = Buffer.concat([received, chunk])
      format = readWavHeader(received)
      if (!format) {
        if (received.length > 64 * 1024)
          throw new SpeechProblem(400, 'INVALID_WAV_HEADER', 'The header is longer than 64 kB. Save the recording again as a 16-bit PCM WAV file.')
        continue
      }
      if ((format.dataLength ?? 0) > longestBytes(format)) throw tooLong()
      samples = Buffer.alloc(Math.min(format.dataLength ?? longestBytes(format), longestBytes(format)))
      length = append(samples, 0, received.subarray(format.dataStart), format)
      continue
    }
    length = append(samples as Buffer, length, chunk, format)
  }
  if (!received.length)
    throw new SpeechProblem(400, 'NO_AUDIO', 'The request has no audio. Send a WAV file as the body, for example with curl --data-binary @file.wav.')
  if (!format || !samples) throw new SpeechProblem(400, 'TRUNCATED_WAV_HEADER', 'The file ends inside its header. Send the whole recording.')
  if (format.dataLength !== undefined && length < format.dataLength) {
    throw new SpeechProblem(422, 'TRUNCATED_AUDIO', `The header promises ${format.dataLength} bytes of samples, ${length} came. Send the whole recording.`)
  }
  if (length === 0) throw new SpeechProblem(400, 'NO_AUDIO', 'The file has a header but no samples. Record something and send it again.')
  return resample(toMono(samples.subarray(0, length), format.channels), format.sampleRate)
}

const longestBytes = ({ sampleRate, channels }: WavFormat) => longestSeconds * sampleRate * channels * 2

const tooLong = () => new SpeechProblem(413, 'AUDIO_TOO_LONG', `The recording is longer than ${longestSeconds} seconds. Send it in parts.`)

function append(samples: Buffer, length: number, chunk: Buffer, format: WavFormat): number {
  if (format.dataLength === undefined && length + chunk.length > samples.length) throw tooLong()
  // Whatever follows the promised samples, such as a list of tags, is not sound.
  return length + chunk.copy(samples, length)
}

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
